package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.python.Arguments;
import dev.layermesh.tokenizer.jinja.python.Budget;
import dev.layermesh.tokenizer.jinja.python.JinjaException;
import dev.layermesh.tokenizer.jinja.python.Operators;
import dev.layermesh.tokenizer.jinja.python.Value.Tuple;
import dev.layermesh.tokenizer.jinja.python.Value.Undefined;
import dev.layermesh.tokenizer.jinja.python.Value;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.Supplier;

/** A loop that runs, and the variable {@code loop} in its body. */
final class Loop implements Value.Callable {
  /** Renders the body of a recursive loop with other items, at a depth. */
  interface Recursion extends BiFunction<Value, Integer, Value> {}

  private final Budget budget;
  private final Optional<Recursion> recursion;
  private final int depth;
  private Optional<Integer> length;
  private Iterator<Value> items;
  private Optional<Value> before = Optional.empty();
  private Optional<Value> current = Optional.empty();
  private Optional<Value> after = Optional.empty();
  private Optional<List<Value>> lastChanged = Optional.empty();
  private int index = -1;

  /**
   * Begins a loop.
   *
   * @param length how many items there are, where that is known before they are visited
   * @param depth how many loops this one recurs in
   */
  Loop(Iterator<Value> items, Optional<Integer> length, Optional<Recursion> recursion, int depth, Budget budget) {
    this.items = items;
    this.length = length;
    this.recursion = recursion;
    this.depth = depth;
    this.budget = budget;
  }

  boolean hasNext() {
    return after.isPresent() || items.hasNext();
  }

  Value next() {
    before = current;
    current = Optional.of(after.orElseGet(items::next));
    after = Optional.empty();
    index++;
    return current.get();
  }

  int index() {
    return index + 1;
  }

  @Override
  public String spelling() {
    return "<LoopContext " + index() + "/" + count() + ">";
  }

  @Override
  public Optional<Supplier<Integer>> length() {
    return Optional.of(this::count);
  }

  /** The number of items; those of a generator are read ahead for it. */
  private int count() {
    if (length.isEmpty()) {
      var rest = new ArrayList<Value>();
      items.forEachRemaining(item -> {
        budget.items(1);
        rest.add(item);
      });
      items = rest.iterator();
      length = Optional.of(rest.size() + index() + (after.isPresent() ? 1 : 0));
    }
    return length.get();
  }

  private Optional<Value> peek() {
    if (after.isEmpty() && items.hasNext()) {
      after = Optional.of(items.next());
    }
    return after;
  }

  /** Iterating over {@code loop} itself gives the rest of the items, each with the loop. */
  @Override
  public Optional<Iterator<Value>> items() {
    return Optional.of(pairs());
  }

  private Iterator<Value> pairs() {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return Loop.this.hasNext();
      }

      @Override
      public Value next() {
        return Tuple.of(Loop.this.next(), Loop.this);
      }
    };
  }

  /** An attribute of the variable {@code loop}. */
  @Override
  public Optional<Value> attribute(String name) {
    return Optional.ofNullable(switch (name) {
      case "index" -> Value.of(index());
      case "index0" -> Value.of(index);
      case "first" -> Value.of(index == 0);
      case "last" -> Value.of(peek().isEmpty());
      case "length" -> Value.of(count());
      case "revindex" -> Value.of(count() - index);
      case "revindex0" -> Value.of(count() - index());
      case "depth" -> Value.of(depth + 1);
      case "depth0" -> Value.of(depth);
      case "previtem" -> index == 0
          ? Undefined.hint("there is no previous item")
          : before.orElse(Undefined.hint("there is no previous item"));
      case "nextitem" -> peek().orElse(Undefined.hint("there is no next item"));
      case "cycle" -> new Function("cycle", "method", (arguments, unused) -> cycle(arguments.positional()));
      case "changed" -> new Function("changed", "method", (arguments, unused) -> changed(arguments.positional()));
      default -> null;
    });
  }

  private Value cycle(List<Value> values) {
    if (values.isEmpty()) {
      throw JinjaException.type("no items for cycling given");
    }
    return values.get(Math.floorMod(index, values.size()));
  }

  private Value changed(List<Value> values) {
    boolean changed = lastChanged.isEmpty()
        || !Operators.equal(new Tuple(lastChanged.get()), new Tuple(values), budget);
    lastChanged = Optional.of(values);
    return Value.of(changed);
  }

  @Override
  public String name() {
    return "loop";
  }

  @Override
  public String typeName() {
    return "LoopContext";
  }

  @Override
  public Value call(Arguments arguments, Budget unused) {
    Value inner = Arguments.Signature.of("loop", "iterable /").bind(arguments).value("iterable");
    return recursion.orElseThrow(() -> JinjaException.type(
        "The loop must have the 'recursive' marker to be called recursively.")).apply(inner, depth + 1);
  }
}
