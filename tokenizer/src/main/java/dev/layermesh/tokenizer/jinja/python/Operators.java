package dev.layermesh.tokenizer.jinja.python;

import dev.layermesh.tokenizer.jinja.python.Value.Bool;
import dev.layermesh.tokenizer.jinja.python.Value.Bytes;
import dev.layermesh.tokenizer.jinja.python.Value.Callable;
import dev.layermesh.tokenizer.jinja.python.Value.Dict;
import dev.layermesh.tokenizer.jinja.python.Value.DictView;
import dev.layermesh.tokenizer.jinja.python.Value.Function;
import dev.layermesh.tokenizer.jinja.python.Value.Int;
import dev.layermesh.tokenizer.jinja.python.Value.Iter;
import dev.layermesh.tokenizer.jinja.python.Value.None;
import dev.layermesh.tokenizer.jinja.python.Value.PyList;
import dev.layermesh.tokenizer.jinja.python.Value.Range;
import dev.layermesh.tokenizer.jinja.python.Value.Str;
import dev.layermesh.tokenizer.jinja.python.Value.Tuple;
import dev.layermesh.tokenizer.jinja.python.Value.Undefined;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;

/** Python's operators. */
public final class Operators {
  /** The operators with two operands. */
  public enum Binary {
    ADD, SUBTRACT, MULTIPLY, DIVIDE, FLOOR_DIVIDE, MODULO, POWER
  }

  /** The operators with one operand. */
  public enum Unary {
    NOT, NEGATIVE, POSITIVE
  }

  /** The operators that compare. */
  public enum Comparison {
    EQUAL, NOT_EQUAL, GREATER, GREATER_EQUAL, LESS, LESS_EQUAL, IN, NOT_IN
  }

  private Operators() {}

  public static boolean truth(Value value) {
    return switch (value) {
      case None none -> false;
      case Bool bool -> bool.value();
      case Int integer -> integer.value().signum() != 0;
      case Value.Float number -> number.value() != 0;
      case Undefined undefined -> false;
      default -> !isSized(value) || length(value) > 0;
    };
  }

  // Collections

  public static boolean isSized(Value value) {
    return switch (value) {
      case Str text -> true;
      case Bytes bytes -> true;
      case PyList list -> true;
      case Tuple tuple -> true;
      case Dict dict -> true;
      case DictView view -> true;
      case Range range -> true;
      case Undefined undefined -> true;
      case Callable callable -> callable.length().isPresent();
      default -> false;
    };
  }

  /** Python's {@code len()}. */
  public static int length(Value value) {
    return switch (value) {
      case Str text -> PyStr.length(text.text());
      case Bytes bytes -> bytes.content().length;
      case PyList list -> list.items().size();
      case Tuple tuple -> tuple.items().size();
      case Dict dict -> dict.size();
      case DictView view -> view.dict().size();
      case Range range -> range.length();
      case Undefined undefined -> 0;
      case Callable callable when callable.length().isPresent() -> callable.length().get().get();
      default -> throw JinjaException.type("object of type '" + value.typeName() + "' has no len()");
    };
  }

  public static boolean isIterable(Value value) {
    return isSized(value) || value instanceof Iter;
  }

  /** Python's {@code iter()}. Every item counts as a step. */
  public static Iterator<Value> iterate(Value value, Budget budget) {
    Iterator<Value> items = switch (value) {
      case Str text -> text.text().codePoints().mapToObj(point -> (Value) Value.of(PyStr.character(point))).iterator();
      case Bytes bytes -> IntStream.range(0, bytes.content().length)
          .mapToObj(i -> (Value) Value.of(bytes.content()[i] & 0xff)).iterator();
      case PyList list -> list.items().iterator();
      case Tuple tuple -> tuple.items().iterator();
      case Dict dict -> dict.entries().values().stream().map(Dict.Entry::key).iterator();
      case DictView view -> view.dict().entries().values().stream().map(view::item).iterator();
      case Range range -> IntStream.range(0, range.length()).mapToObj(range::get).iterator();
      case Undefined undefined -> List.<Value>of().iterator();
      case Iter iter -> iter.items();
      case Callable callable when callable.items().isPresent() -> callable.items().get();
      default -> throw JinjaException.type("'" + value.typeName() + "' object is not iterable");
    };
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return items.hasNext();
      }

      @Override
      public Value next() {
        budget.step();
        Value item = items.next();
        budget.value(item);
        return item;
      }
    };
  }

  /** Python's {@code list()}. */
  public static List<Value> list(Value value, Budget budget) {
    if (isSized(value) && !(value instanceof Callable)) {
      budget.items(length(value));
    }
    var items = new ArrayList<Value>();
    for (Iterator<Value> each = iterate(value, budget); each.hasNext();) {
      items.add(each.next());
      if (!isSized(value)) {
        budget.items(1);
      }
    }
    return items;
  }

  public static boolean contains(Value container, Value item, Budget budget) {
    switch (container) {
      case Str text -> {
        if (!(item instanceof Str part)) {
          throw JinjaException.type("'in <string>' requires string as left operand, not " + item.typeName());
        }
        budget.scan(text.text().length());
        return PyStr.find(text.text(), part.text(), 0) >= 0;
      }
      case Dict dict -> {
        return dict.get(Keys.form(item, budget)).isPresent();
      }
      case DictView view when view.kind() == DictView.Kind.KEYS -> {
        return view.dict().get(Keys.form(item, budget)).isPresent();
      }
      default -> {
        if (!isIterable(container)) {
          throw JinjaException.type("argument of type '" + container.typeName() + "' is not iterable");
        }
        for (Iterator<Value> each = iterate(container, budget); each.hasNext();) {
          if (same(each.next(), item, budget)) {
            return true;
          }
        }
        return false;
      }
    }
  }

  // Equality and order

  /** Whether two values are one object or equal: how collections compare their items. */
  public static boolean same(Value left, Value right, Budget budget) {
    return left == right || equal(left, right, budget);
  }

  public static boolean equal(Value left, Value right, Budget budget) {
    budget.step();
    if (Numbers.isNumber(left) && Numbers.isNumber(right)) {
      return !Numbers.isNan(left) && !Numbers.isNan(right) && Numbers.compare(left, right) == 0;
    }
    return switch (left) {
      case Str text -> {
        budget.scan(text.text().length());
        yield right instanceof Str other && text.text().equals(other.text());
      }
      case Bytes bytes -> right instanceof Bytes other && Arrays.equals(bytes.content(), other.content());
      case PyList list -> right instanceof PyList other && equal(list.items(), other.items(), budget);
      case Tuple tuple -> right instanceof Tuple other && equal(tuple.items(), other.items(), budget);
      case Dict dict -> right instanceof Dict other && equal(dict, other, budget);
      case Range range -> right instanceof Range other
          && equal(list(range, budget), list(other, budget), budget);
      case DictView view when view.kind() != DictView.Kind.VALUES -> right instanceof DictView other
          && other.kind() != DictView.Kind.VALUES && length(view) == length(other)
          && list(view, budget).stream().allMatch(item -> contains(other, item, budget));
      case Undefined undefined -> right instanceof Undefined;
      case Function function -> right instanceof Function && function.equals(right);
      default -> left == right;
    };
  }

  private static boolean equal(List<Value> left, List<Value> right, Budget budget) {
    if (left.size() != right.size()) {
      return false;
    }
    budget.enter();
    boolean equal = true;
    for (int i = 0; equal && i < left.size(); i++) {
      equal = same(left.get(i), right.get(i), budget);
    }
    budget.leave();
    return equal;
  }

  private static boolean equal(Dict left, Dict right, Budget budget) {
    if (left.size() != right.size()) {
      return false;
    }
    budget.enter();
    boolean equal = left.entries().entrySet().stream().allMatch(entry -> right.get(entry.getKey())
        .map(value -> same(entry.getValue().value(), value, budget)).orElse(false));
    budget.leave();
    return equal;
  }

  public static boolean compare(Comparison operator, Value left, Value right, Budget budget) {
    return switch (operator) {
      case EQUAL -> equal(left, right, budget);
      case NOT_EQUAL -> !equal(left, right, budget);
      case IN -> contains(right, left, budget);
      case NOT_IN -> !contains(right, left, budget);
      case LESS -> ordered("<", left, right, budget) && order("<", left, right, budget) < 0;
      case LESS_EQUAL -> ordered("<=", left, right, budget) && order("<=", left, right, budget) <= 0;
      case GREATER -> ordered(">", left, right, budget) && order(">", left, right, budget) > 0;
      case GREATER_EQUAL -> ordered(">=", left, right, budget) && order(">=", left, right, budget) >= 0;
    };
  }

  /** False for NaN, which is neither less nor greater than a number. */
  private static boolean ordered(String operator, Value left, Value right, Budget budget) {
    return !(Numbers.isNumber(left) && Numbers.isNumber(right) && (Numbers.isNan(left) || Numbers.isNan(right)));
  }

  /** How two values are ordered, for sorting. */
  public static int order(Value left, Value right, Budget budget) {
    return ordered("<", left, right, budget) ? order("<", left, right, budget) : 0;
  }

  private static int order(String operator, Value left, Value right, Budget budget) {
    budget.step();
    if (Numbers.isNumber(left) && Numbers.isNumber(right)) {
      return Numbers.compare(left, right);
    }
    if (left instanceof Str a && right instanceof Str b) {
      budget.scan(Math.min(a.text().length(), b.text().length()));
      return PyStr.compare(a.text(), b.text());
    }
    if (left instanceof PyList a && right instanceof PyList b) {
      return order(operator, a.items(), b.items(), budget);
    }
    if (left instanceof Tuple a && right instanceof Tuple b) {
      return order(operator, a.items(), b.items(), budget);
    }
    throw unsupported(left, right, "'" + operator + "' not supported between instances of '" + left.typeName()
        + "' and '" + right.typeName() + "'");
  }

  private static int order(String operator, List<Value> left, List<Value> right, Budget budget) {
    for (int i = 0; i < Math.min(left.size(), right.size()); i++) {
      if (!same(left.get(i), right.get(i), budget)) {
        budget.enter();
        int order = order(operator, left.get(i), right.get(i), budget);
        budget.leave();
        return order;
      }
    }
    return Integer.compare(left.size(), right.size());
  }

  /** An undefined operand says that it is undefined; others say that their types do not fit. */
  private static JinjaException unsupported(Value left, Value right, String message) {
    return left instanceof Undefined undefined ? undefined.failure()
        : right instanceof Undefined undefined ? undefined.failure() : JinjaException.type(message);
  }

  // Arithmetic

  public static Value binary(Binary operator, Value left, Value right, Budget budget) {
    if (operator == Binary.MODULO && left instanceof Str format) {
      return PercentFormat.format(format, right, budget);
    }
    if (Numbers.isNumber(left) && Numbers.isNumber(right)) {
      return switch (operator) {
        case ADD -> Numbers.add(left, right);
        case SUBTRACT -> Numbers.subtract(left, right);
        case MULTIPLY -> Numbers.multiply(left, right);
        case DIVIDE -> Numbers.divide(left, right);
        case FLOOR_DIVIDE -> Numbers.floorDivide(left, right);
        case MODULO -> Numbers.modulo(left, right);
        case POWER -> Numbers.power(left, right);
      };
    }
    return switch (operator) {
      case ADD -> concatenate(left, right, budget);
      case MULTIPLY -> repeat(left, right, budget);
      default -> throw unsupported(operator, left, right);
    };
  }

  private static JinjaException unsupported(Binary operator, Value left, Value right) {
    return unsupported(left, right, "unsupported operand type(s) for " + operator + ": '" + left.typeName() + "' and '"
        + right.typeName() + "'");
  }

  private static Value concatenate(Value left, Value right, Budget budget) {
    if (left instanceof Str a && right instanceof Str b) {
      if (a.safe() != b.safe()) {
        return concatenate(Text.escape(a, budget), Text.escape(b, budget), budget);
      }
      budget.text((long) a.text().length() + b.text().length());
      return a.like(a.text().concat(b.text()));
    }
    if (left instanceof PyList a && right instanceof PyList b) {
      return new PyList(joined(a.items(), b.items(), budget));
    }
    if (left instanceof Tuple a && right instanceof Tuple b) {
      return new Tuple(joined(a.items(), b.items(), budget));
    }
    throw unsupported(Binary.ADD, left, right);
  }

  private static List<Value> joined(List<Value> left, List<Value> right, Budget budget) {
    budget.items((long) left.size() + right.size());
    var all = new ArrayList<Value>(left.size() + right.size());
    all.addAll(left);
    all.addAll(right);
    return all;
  }

  private static Value repeat(Value left, Value right, Budget budget) {
    if (Numbers.integer(left).isPresent() && !Numbers.isNumber(right)) {
      return repeat(right, left, budget);
    }
    BigInteger count = Numbers.integer(right).orElseThrow(() -> unsupported(Binary.MULTIPLY, left, right));
    int times = Math.max(0, Numbers.clamp(count));
    return switch (left) {
      case Str text -> {
        budget.text((long) text.text().length() * times);
        yield text.like(text.text().repeat(text.text().isEmpty() ? 0 : times));
      }
      case PyList list -> new PyList(repeated(list.items(), times, budget));
      case Tuple tuple -> new Tuple(repeated(tuple.items(), times, budget));
      default -> throw unsupported(Binary.MULTIPLY, left, right);
    };
  }

  private static List<Value> repeated(List<Value> items, int times, Budget budget) {
    budget.items((long) items.size() * times);
    var all = new ArrayList<Value>();
    for (int i = 0; i < times && !items.isEmpty(); i++) {
      all.addAll(items);
    }
    return all;
  }

  public static Value unary(Unary operator, Value operand) {
    return switch (operator) {
      case NOT -> Value.of(!truth(operand));
      case NEGATIVE -> operand instanceof Value.Float number
          ? new Value.Float(-number.value())
          : new Int(signed("-", operand).negate());
      case POSITIVE -> operand instanceof Value.Float ? operand : new Int(signed("+", operand));
    };
  }

  private static BigInteger signed(String operator, Value operand) {
    return Numbers.integer(operand).orElseThrow(() -> unsupported(operand, operand,
        "bad operand type for unary " + operator + ": '" + operand.typeName() + "'"));
  }
}
