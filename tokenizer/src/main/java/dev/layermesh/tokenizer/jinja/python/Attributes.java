package dev.layermesh.tokenizer.jinja.python;

import dev.layermesh.tokenizer.jinja.python.Value.Bytes;
import dev.layermesh.tokenizer.jinja.python.Value.Callable;
import dev.layermesh.tokenizer.jinja.python.Value.Dict;
import dev.layermesh.tokenizer.jinja.python.Value.Int;
import dev.layermesh.tokenizer.jinja.python.Value.Namespace;
import dev.layermesh.tokenizer.jinja.python.Value.PyList;
import dev.layermesh.tokenizer.jinja.python.Value.Range;
import dev.layermesh.tokenizer.jinja.python.Value.Slice;
import dev.layermesh.tokenizer.jinja.python.Value.Str;
import dev.layermesh.tokenizer.jinja.python.Value.Tuple;
import dev.layermesh.tokenizer.jinja.python.Value.Undefined;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * {@code x.name} and {@code x[index]} in the sandbox of transformers: names that begin with an underscore and methods
 * that change lists or dicts give an undefined value that raises SecurityError when it is called.
 */
public final class Attributes {
  private static final Set<String> CHANGES_LISTS =
      Set.of("append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove");
  private static final Set<String> OF_EVERY_OBJECT = Set.of("__class__", "__doc__", "__init__", "__new__", "__repr__",
      "__str__", "__eq__", "__ne__", "__hash__", "__dir__", "__module__", "__init_subclass__", "__reduce__",
      "__subclasshook__", "__sizeof__", "__format__", "__setattr__", "__delattr__", "__getattribute__");
  private static final Set<String> CHANGES_DICTS = Set.of("clear", "pop", "popitem", "setdefault", "update");

  private Attributes() {}

  /** {@code object.name}: an attribute, else an item. */
  public static Value attribute(Value object, String name) {
    if (!OF_EVERY_OBJECT.contains(name)) {
      requireDefined(object);
    }
    return safely(object, name)
        .or(() -> object instanceof Dict dict ? dict.get(name) : Optional.empty())
        .orElseGet(() -> missing(object, Value.of(name)));
  }

  /** {@code object[index]}: an item, else an attribute of that name. */
  public static Value item(Value object, Value index, Budget budget) {
    requireDefined(object);
    if (index instanceof Slice slice) {
      return slice(object, slice, budget);
    }
    return directItem(object, index, budget)
        .or(() -> index instanceof Str name ? safely(object, name.text()) : Optional.empty())
        .orElseGet(() -> missing(object, index));
  }

  private static void requireDefined(Value object) {
    if (object instanceof Undefined undefined) {
      throw undefined.failure();
    }
  }

  private static boolean isInternal(String name) {
    return name.startsWith("__") && name.endsWith("__");
  }

  /** An attribute, or in place of one that is not safe an undefined value that says so. */
  private static Optional<Value> safely(Value object, String name) {
    boolean unsafe = object instanceof Namespace namespace
        ? name.startsWith("_") && namespace.attributes().get(name).isPresent()
        : isInternal(name)
            || object instanceof PyList && CHANGES_LISTS.contains(name)
            || object instanceof Dict && CHANGES_DICTS.contains(name);
    if (unsafe) {
      return Optional.of(new Undefined("SecurityError",
          "access to attribute '" + name + "' of '" + object.typeName() + "' object is unsafe."));
    }
    return find(object, name);
  }

  /** An attribute that the object has, without regard to items. */
  public static Optional<Value> find(Value object, String name) {
    return switch (object) {
      case Namespace namespace -> namespace.attributes().get(name);
      case Callable callable -> callable.attribute(name);
      default -> Methods.find(object, name);
    };
  }

  /** What calling a method raises that the object does not have. */
  public static JinjaException noMethod(Value object, String name) {
    return object instanceof Undefined undefined ? undefined.failure() : new JinjaException("AttributeError",
        "'" + object.typeName() + "' object has no attribute '" + name + "'");
  }

  public static Undefined missing(Value object, Value name) {
    String type = object == Value.NONE ? "None" : object.typeName() + " object";
    return Undefined.hint(name instanceof Str text
        ? "'" + type + "' has no attribute " + Text.repr(text.text())
        : type + " has no element " + (name instanceof Int index ? index.value() : name.typeName()));
  }

  private static Optional<Value> directItem(Value object, Value index, Budget budget) {
    if (object instanceof Dict dict) {
      return hashable(index, budget).flatMap(dict::get);
    }
    Optional<BigInteger> number = Numbers.integer(index);
    if (number.isEmpty() || !isSequence(object)) {
      return Optional.empty();
    }
    budget.scan(object instanceof Str text ? text.text().length() : 0);
    int length = Operators.length(object);
    int at = Numbers.clamp(number.get());
    int position = at < 0 ? at + length : at;
    return position < 0 || position >= length ? Optional.empty() : Optional.of(at(object, position));
  }

  private static Optional<Object> hashable(Value key, Budget budget) {
    try {
      return Optional.of(Keys.form(key, budget));
    } catch (JinjaException e) {
      if (e.kind().equals("TypeError")) {
        return Optional.empty();
      }
      throw e;
    }
  }

  public static boolean isSequence(Value object) {
    return object instanceof Str || object instanceof PyList || object instanceof Tuple || object instanceof Range
        || object instanceof Bytes;
  }

  private static Value at(Value object, int position) {
    return switch (object) {
      case Str text -> text.like(PyStr.character(text.text().codePointAt(PyStr.offset(text.text(), position))));
      case PyList list -> list.items().get(position);
      case Tuple tuple -> tuple.items().get(position);
      case Range range -> range.get(position);
      case Bytes bytes -> Value.of(bytes.content()[position] & 0xff);
      default -> throw new IllegalStateException("no sequence: " + object.typeName());
    };
  }

  /** Python's {@code object[start:stop:step]}. */
  public static Value slice(Value object, Slice slice, Budget budget) {
    if (!isSequence(object)) {
      throw JinjaException.type(object instanceof Dict
          ? "unhashable type: 'slice'"
          : "'" + object.typeName() + "' object is not subscriptable");
    }
    Span span = span(slice, Operators.length(object));
    return switch (object) {
      case Str text -> {
        budget.text(span.count);
        yield text.like(picked(text.text(), span));
      }
      case PyList list -> new PyList(picked(list.items(), span, budget));
      case Tuple tuple -> new Tuple(picked(tuple.items(), span, budget));
      case Range range -> picked(range, span);
      case Bytes bytes -> {
        budget.text(span.count);
        byte[] content = new byte[span.count];
        for (int i = 0; i < content.length; i++) {
          content[i] = bytes.content()[span.position(i)];
        }
        yield new Bytes(content);
      }
      default -> throw new IllegalStateException("no sequence: " + object.typeName());
    };
  }

  private static String picked(String text, Span span) {
    if (span.step == 1) {
      return PyStr.substring(text, span.start, span.start + span.count);
    }
    int[] points = text.codePoints().toArray();
    var picked = new StringBuilder();
    for (int i = 0; i < span.count; i++) {
      picked.appendCodePoint(points[span.position(i)]);
    }
    return picked.toString();
  }

  private static List<Value> picked(List<Value> items, Span span, Budget budget) {
    budget.items(span.count);
    var picked = new ArrayList<Value>(span.count);
    for (int i = 0; i < span.count; i++) {
      picked.add(items.get(span.position(i)));
    }
    return picked;
  }

  private static Range picked(Range range, Span span) {
    return new Range(range.start().add(range.step().multiply(BigInteger.valueOf(span.start))),
        range.start().add(range.step().multiply(BigInteger.valueOf(span.stop))),
        range.step().multiply(BigInteger.valueOf(span.step)), span.count);
  }

  private static BigInteger index(Value bound) {
    return Numbers.integer(bound)
        .orElseThrow(() -> JinjaException.type("slice indices must be integers or None or have an __index__ method"));
  }

  /** The positions that a slice takes of a sequence: {@code count} of them, {@code step} apart, up to a stop. */
  private record Span(int start, int stop, int step, int count) {
    int position(int index) {
      return start + index * step;
    }
  }

  private static Span span(Slice slice, int length) {
    int step = slice.step() == Value.NONE ? 1 : Numbers.clamp(index(slice.step()));
    if (step == 0) {
      throw JinjaException.value("slice step cannot be zero");
    }
    int lowest = step > 0 ? 0 : -1;
    int highest = step > 0 ? length : length - 1;
    int start = bound(slice.start(), length, lowest, highest, step > 0 ? lowest : highest);
    int stop = bound(slice.stop(), length, lowest, highest, step > 0 ? highest : lowest);
    long distance = step > 0 ? (long) stop - start : (long) start - stop;
    return new Span(start, stop, step, distance <= 0 ? 0 : (int) ((distance - 1) / Math.abs((long) step) + 1));
  }

  private static int bound(Value bound, int length, int lowest, int highest, int absent) {
    if (bound == Value.NONE) {
      return absent;
    }
    long at = Numbers.clamp(index(bound));
    return Math.clamp(at < 0 ? at + length : at, lowest, highest);
  }
}
