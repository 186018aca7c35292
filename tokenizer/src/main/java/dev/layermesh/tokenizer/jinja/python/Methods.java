package dev.layermesh.tokenizer.jinja.python;

import dev.layermesh.tokenizer.jinja.python.Value.Bool;
import dev.layermesh.tokenizer.jinja.python.Value.Bytes;
import dev.layermesh.tokenizer.jinja.python.Value.Cycler;
import dev.layermesh.tokenizer.jinja.python.Value.Dict;
import dev.layermesh.tokenizer.jinja.python.Value.DictView;
import dev.layermesh.tokenizer.jinja.python.Value.Function;
import dev.layermesh.tokenizer.jinja.python.Value.Int;
import dev.layermesh.tokenizer.jinja.python.Value.PyList;
import dev.layermesh.tokenizer.jinja.python.Value.Range;
import dev.layermesh.tokenizer.jinja.python.Value.Str;
import dev.layermesh.tokenizer.jinja.python.Value.Tuple;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The attributes and methods of Python's types, but those that the sandbox forbids. */
final class Methods {
  private static final Map<String, Method<Value>> SEQUENCE = sequence();
  private static final Map<String, Method<PyList>> LIST = list();
  private static final Map<String, Method<Dict>> DICT = dict();
  private static final Map<String, Method<Value>> INTEGER = integer();
  private static final Map<String, Method<Value.Float>> REAL = real();
  private static final Map<String, Method<Cycler>> CYCLER = cycler();
  private static final Map<String, Method<Bytes>> BYTES = bytes();

  private Methods() {}

  static Optional<Value> find(Value object, String name) {
    return switch (object) {
      case Str text -> text(text, name);
      case PyList list -> method(LIST, list, name).or(() -> method(SEQUENCE, list, name));
      case Tuple tuple -> method(SEQUENCE, (Value) tuple, name).or(() -> group(tuple, name));
      case Dict dict -> method(DICT, dict, name);
      case DictView view when name.equals("mapping") -> Optional.of(view.dict());
      case Range range -> method(SEQUENCE, (Value) range, name).or(() -> range(range, name));
      case Int integer -> integer(integer, integer.value(), name);
      case Bool bool -> integer(bool, bool.value() ? BigInteger.ONE : BigInteger.ZERO, name);
      case Value.Float number -> method(REAL, number, name).or(() -> switch (name) {
        case "real" -> Optional.of(number);
        case "imag" -> Optional.of(new Value.Float(0));
        default -> Optional.empty();
      });
      case Cycler cycler -> method(CYCLER, cycler, name).or(() -> switch (name) {
        case "current" -> Optional.of(cycler.current());
        case "items" -> Optional.of(new Tuple(cycler.all()));
        default -> Optional.empty();
      });
      case Bytes bytes -> method(BYTES, bytes, name);
      default -> Optional.empty();
    };
  }

  private static <T extends Value> Optional<Value> method(Map<String, Method<T>> table, T object, String name) {
    return Optional.ofNullable(table.get(name)).map(method -> method.bind(object));
  }

  /** The two methods that take any arguments, then those of the table. */
  private static Optional<Value> text(Str text, String name) {
    return switch (name) {
      case "format" ->
          Optional.of(new Function(name, (arguments, budget) -> BraceFormat.format(text, arguments, budget)));
      case "format_map" -> Optional.of(new Function(name, (arguments, budget) -> {
        if (arguments.positional().size() != 1 || !(arguments.positional().getFirst() instanceof Dict dict)) {
          throw JinjaException.type("format_map() takes exactly one mapping");
        }
        return BraceFormat.format(text, new Arguments(List.of(), named(dict)), budget);
      }));
      default -> method(StrMethods.TABLE, text, name);
    };
  }

  private static Map<String, Value> named(Dict dict) {
    Map<String, Value> named = new HashMap<>();
    dict.entries().forEach((form, entry) -> {
      if (form instanceof String name) {
        named.put(name, entry.value());
      }
    });
    return named;
  }

  private static Optional<Value> group(Tuple tuple, String name) {
    if (!tuple.group()) {
      return Optional.empty();
    }
    return switch (name) {
      case "grouper" -> Optional.of(tuple.items().get(0));
      case "list" -> Optional.of(tuple.items().get(1));
      default -> Optional.empty();
    };
  }

  private static Optional<Value> range(Range range, String name) {
    return switch (name) {
      case "start" -> Optional.of(new Int(range.start()));
      case "stop" -> Optional.of(new Int(range.stop()));
      case "step" -> Optional.of(new Int(range.step()));
      default -> Optional.empty();
    };
  }

  private static Optional<Value> integer(Value self, BigInteger value, String name) {
    return switch (name) {
      case "real", "numerator" -> Optional.of(new Int(value));
      case "imag" -> Optional.of(Value.of(0));
      case "denominator" -> Optional.of(Value.of(1));
      default -> method(INTEGER, self, name);
    };
  }

  private static Map<String, Method<Value>> sequence() {
    var table = new HashMap<String, Method<Value>>();
    Method.add(table, "count", "value /", (self, a, budget) -> Value.of(Operators.list(self, budget).stream()
        .filter(item -> Operators.same(item, a.value("value"), budget)).count()));
    Method.add(table, "index", "value start? stop? /", (self, a, budget) -> {
      List<Value> items = Operators.list(self, budget);
      int start = position(a.integer("start", 0), items.size());
      int stop = position(a.integer("stop", items.size()), items.size());
      for (int i = start; i < stop; i++) {
        if (Operators.same(items.get(i), a.value("value"), budget)) {
          return Value.of(i);
        }
      }
      throw JinjaException.value(Text.repr(a.value("value"), budget) + " is not in " + self.typeName());
    });
    return table;
  }

  private static int position(int index, int length) {
    return Math.clamp(index < 0 ? (long) index + length : index, 0, length);
  }

  private static Map<String, Method<PyList>> list() {
    var table = new HashMap<String, Method<PyList>>();
    Method.add(table, "copy", "/", (self, a, budget) -> new PyList(Operators.list(self, budget)));
    return table;
  }

  private static Map<String, Method<Dict>> dict() {
    var table = new HashMap<String, Method<Dict>>();
    Method.add(table, "get", "key default? /",
        (self, a, budget) -> self.get(Keys.form(a.value("key"), budget)).orElse(a.or("default", Value.NONE)));
    Method.add(table, "keys", "/", (self, a, budget) -> new DictView(DictView.Kind.KEYS, self));
    Method.add(table, "values", "/", (self, a, budget) -> new DictView(DictView.Kind.VALUES, self));
    Method.add(table, "items", "/", (self, a, budget) -> new DictView(DictView.Kind.ITEMS, self));
    Method.add(table, "copy", "/", (self, a, budget) -> {
      budget.items(self.size());
      var copy = new Dict();
      self.entries().forEach((form, entry) -> copy.put(form, entry.key(), entry.value()));
      return copy;
    });
    Method.add(table, "fromkeys", "iterable value? /", (self, a, budget) -> {
      var dict = new Dict();
      for (Value key : Operators.list(a.value("iterable"), budget)) {
        dict.put(Keys.form(key, budget), key, a.or("value", Value.NONE));
      }
      return dict;
    });
    return table;
  }

  private static Map<String, Method<Value>> integer() {
    var table = new HashMap<String, Method<Value>>();
    Method.add(table, "bit_length", "/",
        (self, a, budget) -> Value.of(Numbers.integer(self).orElseThrow().abs().bitLength()));
    Method.add(table, "bit_count", "/",
        (self, a, budget) -> Value.of(Numbers.integer(self).orElseThrow().abs().bitCount()));
    Method.add(table, "conjugate", "/", (self, a, budget) -> new Int(Numbers.integer(self).orElseThrow()));
    Method.add(table, "as_integer_ratio", "/",
        (self, a, budget) -> Tuple.of(new Int(Numbers.integer(self).orElseThrow()), Value.of(1)));
    return table;
  }

  private static Map<String, Method<Value.Float>> real() {
    var table = new HashMap<String, Method<Value.Float>>();
    Method.add(table, "is_integer", "/",
        (self, a, budget) -> Value.of(Double.isFinite(self.value()) && self.value() == Math.rint(self.value())));
    Method.add(table, "conjugate", "/", (self, a, budget) -> self);
    return table;
  }

  private static Map<String, Method<Cycler>> cycler() {
    var table = new HashMap<String, Method<Cycler>>();
    Method.add(table, "next", "/", (self, a, budget) -> self.next());
    Method.add(table, "reset", "/", (self, a, budget) -> {
      self.reset();
      return Value.NONE;
    });
    return table;
  }

  private static Map<String, Method<Bytes>> bytes() {
    var table = new HashMap<String, Method<Bytes>>();
    Method.add(table, "decode", "encoding? errors?",
        (self, a, budget) -> {
          budget.text(self.content().length);
          return Value.of(new String(self.content(), StandardCharsets.UTF_8));
        });
    Method.add(table, "hex", "/", (self, a, budget) -> {
      budget.text(2L * self.content().length);
      return Value.of(HexFormat.of().formatHex(self.content()));
    });
    return table;
  }
}
