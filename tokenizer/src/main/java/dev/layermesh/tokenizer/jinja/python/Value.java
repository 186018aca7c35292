package dev.layermesh.tokenizer.jinja.python;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/** A value of a template: one of Python's types, or an object that Jinja2 lends to templates. */
public sealed interface Value {
  Value NONE = None.INSTANCE;
  Bool TRUE = new Bool(true);
  Bool FALSE = new Bool(false);

  /** The name Python has for the type, as {@code str}. */
  String typeName();

  static Bool of(boolean value) {
    return value ? TRUE : FALSE;
  }

  static Int of(long value) {
    return new Int(BigInteger.valueOf(value));
  }

  static Str of(String text) {
    return new Str(text, false);
  }

  /** The value of plain Java data: null, text, numbers, truth values, lists and maps with text as keys. */
  static Value of(Object data) {
    return switch (data) {
      case null -> NONE;
      case Value value -> value;
      case CharSequence text -> of(text.toString());
      case Boolean bool -> of(bool.booleanValue());
      case BigInteger integer -> new Int(integer);
      case Integer integer -> of(integer.longValue());
      case Long integer -> of(integer.longValue());
      case Short integer -> of(integer.longValue());
      case Number number -> new Float(number.doubleValue());
      case Map<?, ?> map -> {
        var dict = new Dict();
        map.forEach((key, value) -> dict.put(String.valueOf(key), of(value)));
        yield dict;
      }
      case Iterable<?> list -> {
        var items = new ArrayList<Value>();
        list.forEach(item -> items.add(of(item)));
        yield new PyList(items);
      }
      default -> throw new IllegalArgumentException("no value for templates: " + data.getClass());
    };
  }

  /** Python's None. */
  enum None implements Value {
    INSTANCE;

    @Override
    public String typeName() {
      return "NoneType";
    }
  }

  /** {@code True} or {@code False}; counts as 1 or 0. */
  record Bool(boolean value) implements Value {
    @Override
    public String typeName() {
      return "bool";
    }
  }

  /** A whole number of any size. */
  record Int(BigInteger value) implements Value {
    @Override
    public String typeName() {
      return "int";
    }
  }

  /** A double. */
  record Float(double value) implements Value {
    @Override
    public String typeName() {
      return "float";
    }
  }

  /**
   * A text.
   *
   * @param safe whether it is Markup: HTML that is not to be escaped again
   */
  record Str(String text, boolean safe) implements Value {
    @Override
    public String typeName() {
      return safe ? "Markup" : "str";
    }

    /** Another text, Markup where this is. */
    public Str like(String other) {
      return new Str(other, safe);
    }
  }

  /** Bytes, as {@code str.encode} gives them. */
  record Bytes(byte[] content) implements Value {
    @Override
    public String typeName() {
      return "bytes";
    }
  }

  /** Python's list. Nothing a template can do changes it. */
  record PyList(List<Value> items) implements Value {
    @Override
    public String typeName() {
      return "list";
    }
  }

  /**
   * Python's tuple.
   *
   * @param group whether it is a pair made by {@code groupby}, with names for its two parts
   */
  record Tuple(List<Value> items, boolean group) implements Value {
    public Tuple(List<Value> items) {
      this(items, false);
    }

    public static Tuple of(Value... items) {
      return new Tuple(List.of(items));
    }

    @Override
    public String typeName() {
      return "tuple";
    }
  }

  /** Python's dict, in the order of insertion. Keys that are equal in Python have the same {@link Keys} form. */
  final class Dict implements Value {
    /** A key as it was first given, and its value. */
    public record Entry(Value key, Value value) {}

    private final Map<Object, Entry> entries = new LinkedHashMap<>();

    public void put(String key, Value value) {
      put(key, Value.of(key), value);
    }

    /** Sets a value under a key in the form of {@link Keys}. */
    public void put(Object form, Value key, Value value) {
      Entry old = entries.get(form);
      entries.put(form, new Entry(old == null ? key : old.key, value));
    }

    public Optional<Value> get(Object form) {
      return Optional.ofNullable(entries.get(form)).map(Entry::value);
    }

    public Map<Object, Entry> entries() {
      return entries;
    }

    public int size() {
      return entries.size();
    }

    @Override
    public String typeName() {
      return "dict";
    }
  }

  /** What {@code keys()}, {@code values()} and {@code items()} of a dict give. */
  record DictView(Kind kind, Dict dict) implements Value {
    /** Which of the three. */
    public enum Kind {
      KEYS("dict_keys"), VALUES("dict_values"), ITEMS("dict_items");

      private final String typeName;

      Kind(String typeName) {
        this.typeName = typeName;
      }
    }

    public Value item(Dict.Entry entry) {
      return switch (kind) {
        case KEYS -> entry.key();
        case VALUES -> entry.value();
        case ITEMS -> Tuple.of(entry.key(), entry.value());
      };
    }

    @Override
    public String typeName() {
      return kind.typeName;
    }
  }

  /** Python's range; its length is bounded when it is made. */
  record Range(BigInteger start, BigInteger stop, BigInteger step, int length) implements Value {
    public Value get(int index) {
      return new Int(start.add(step.multiply(BigInteger.valueOf(index))));
    }

    @Override
    public String typeName() {
      return "range";
    }
  }

  /** The parts of a slice: {@code x[start:stop:step]}, None where one is left out. */
  record Slice(Value start, Value stop, Value step) implements Value {
    @Override
    public String typeName() {
      return "slice";
    }
  }

  /** A value that does not exist. Printing it gives nothing; almost every other use raises. */
  record Undefined(String kind, String message) implements Value {
    public static Undefined hint(String message) {
      return new Undefined("UndefinedError", message);
    }

    public static Undefined variable(String name) {
      return hint("'" + name + "' is undefined");
    }

    public JinjaException failure() {
      return new JinjaException(kind, message);
    }

    @Override
    public String typeName() {
      return "Undefined";
    }
  }

  /** Jinja2's namespace: the one object whose attributes a template may set. */
  record Namespace(Dict attributes) implements Value {
    @Override
    public String typeName() {
      return "Namespace";
    }
  }

  /** Python's generator or another iterator: it yields its items once. */
  record Iter(String typeName, Iterator<Value> items) implements Value {}

  /** Something a template can call. It may have attributes, and items to loop over. */
  non-sealed interface Callable extends Value {
    /** The name that messages give it. */
    String name();

    Value call(Arguments arguments, Budget budget);

    /** What {@code repr()} gives. */
    default String spelling() {
      return "<" + typeName() + " " + name() + ">";
    }

    default Optional<Value> attribute(String attribute) {
      return Optional.empty();
    }

    /** Its length, if it has one; asking for the number may read items ahead. */
    default Optional<Supplier<Integer>> length() {
      return Optional.empty();
    }

    default Optional<Iterator<Value>> items() {
      return Optional.empty();
    }
  }

  /** A function written in Java. */
  record Function(String name, String typeName, Body body) implements Callable {
    /** What the function does. */
    public interface Body {
      Value call(Arguments arguments, Budget budget);
    }

    public Function(String name, Body body) {
      this(name, "function", body);
    }

    @Override
    public Value call(Arguments arguments, Budget budget) {
      return body.call(arguments, budget);
    }
  }

  /** Jinja2's cycler: gives its values in turn. */
  final class Cycler implements Value {
    private final List<Value> items;
    private int position;

    public Cycler(List<Value> items) {
      this.items = items;
    }

    public List<Value> all() {
      return items;
    }

    public void reset() {
      position = 0;
    }

    public Value current() {
      return items.get(position);
    }

    public Value next() {
      Value value = current();
      position = (position + 1) % items.size();
      return value;
    }

    @Override
    public String typeName() {
      return "Cycler";
    }
  }
}
