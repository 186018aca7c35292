package dev.layermesh.tokenizer.jinja.python;

import dev.layermesh.tokenizer.jinja.python.Value.Bool;
import dev.layermesh.tokenizer.jinja.python.Value.Dict;
import dev.layermesh.tokenizer.jinja.python.Value.DictView;
import dev.layermesh.tokenizer.jinja.python.Value.Float;
import dev.layermesh.tokenizer.jinja.python.Value.Int;
import dev.layermesh.tokenizer.jinja.python.Value.PyList;
import dev.layermesh.tokenizer.jinja.python.Value.Slice;
import dev.layermesh.tokenizer.jinja.python.Value.Str;
import dev.layermesh.tokenizer.jinja.python.Value.Tuple;
import dev.layermesh.tokenizer.jinja.python.Value.Undefined;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

/**
 * The form of a value as a key of a dict: two values are the same key in Python exactly if their forms are equal in
 * Java. 1, 1.0 and True are one key.
 */
public final class Keys {
  private record TupleKey(List<Object> items) {}

  private enum UndefinedKey {
    INSTANCE
  }

  private Keys() {}

  public static Object form(Value value, Budget budget) {
    budget.step();
    return switch (value) {
      case Str text -> text.text();
      case Int integer -> integer.value();
      case Bool bool -> bool.value() ? BigInteger.ONE : BigInteger.ZERO;
      case Float number -> form(number.value());
      case Tuple tuple -> {
        budget.enter();
        var items = new ArrayList<Object>();
        tuple.items().forEach(item -> items.add(form(item, budget)));
        budget.leave();
        yield new TupleKey(items);
      }
      case Undefined undefined -> UndefinedKey.INSTANCE;
      case PyList list -> throw unhashable(list);
      case Dict dict -> throw unhashable(dict);
      case Slice slice -> throw unhashable(slice);
      case DictView view when view.kind() != DictView.Kind.VALUES -> throw unhashable(view);
      default -> value;
    };
  }

  private static Object form(double number) {
    return Double.isFinite(number) && number == Math.rint(number)
        ? new BigDecimal(number).toBigInteger()
        : (Object) number;
  }

  private static JinjaException unhashable(Value value) {
    return JinjaException.type("unhashable type: '" + value.typeName() + "'");
  }
}
