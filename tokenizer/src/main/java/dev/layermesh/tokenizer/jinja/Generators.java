package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.python.Value;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;

/** Iterators that work as they are visited, as Python's generators do. */
final class Generators {
  private Generators() {}

  /** A generator whose code begins to run when the first item is asked for. */
  static Value generator(Supplier<Iterator<Value>> start) {
    return new Value.Iter("generator", new Iterator<>() {
      private Optional<Iterator<Value>> items = Optional.empty();

      private Iterator<Value> items() {
        if (items.isEmpty()) {
          items = Optional.of(start.get());
        }
        return items.get();
      }

      @Override
      public boolean hasNext() {
        return items().hasNext();
      }

      @Override
      public Value next() {
        return items().next();
      }
    });
  }

  /** Items mapped as they are visited; those mapped to nothing are left out. */
  static Iterator<Value> mapped(Iterator<Value> items, Function<Value, Optional<Value>> map) {
    return new Iterator<>() {
      private Optional<Value> next = Optional.empty();

      @Override
      public boolean hasNext() {
        while (next.isEmpty() && items.hasNext()) {
          next = map.apply(items.next());
        }
        return next.isPresent();
      }

      @Override
      public Value next() {
        if (!hasNext()) {
          throw new NoSuchElementException();
        }
        Value value = next.get();
        next = Optional.empty();
        return value;
      }
    };
  }
}
