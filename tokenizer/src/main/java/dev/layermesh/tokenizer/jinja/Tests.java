package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.python.Arguments.Bound;
import dev.layermesh.tokenizer.jinja.python.Arguments.Signature;
import dev.layermesh.tokenizer.jinja.python.Arguments;
import dev.layermesh.tokenizer.jinja.python.Attributes;
import dev.layermesh.tokenizer.jinja.python.Budget;
import dev.layermesh.tokenizer.jinja.python.JinjaException;
import dev.layermesh.tokenizer.jinja.python.Keys;
import dev.layermesh.tokenizer.jinja.python.Numbers;
import dev.layermesh.tokenizer.jinja.python.Operators.Binary;
import dev.layermesh.tokenizer.jinja.python.Operators.Comparison;
import dev.layermesh.tokenizer.jinja.python.Operators;
import dev.layermesh.tokenizer.jinja.python.PyStr;
import dev.layermesh.tokenizer.jinja.python.Text;
import dev.layermesh.tokenizer.jinja.python.Value.Bool;
import dev.layermesh.tokenizer.jinja.python.Value.Callable;
import dev.layermesh.tokenizer.jinja.python.Value.Dict;
import dev.layermesh.tokenizer.jinja.python.Value.Int;
import dev.layermesh.tokenizer.jinja.python.Value.Str;
import dev.layermesh.tokenizer.jinja.python.Value.Undefined;
import dev.layermesh.tokenizer.jinja.python.Value;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/** The tests of Jinja2 by name: what may follow {@code is}. */
final class Tests {
  /** What a test says of a value. */
  private interface Body {
    boolean holds(Bound arguments, Budget budget);
  }

  private record Test(Signature signature, Body body) {}

  private static final Map<String, Test> TABLE = new HashMap<>();

  static {
    compare(Comparison.EQUAL, "eq", "==", "equalto");
    compare(Comparison.NOT_EQUAL, "ne", "!=");
    compare(Comparison.LESS, "lt", "<", "lessthan");
    compare(Comparison.LESS_EQUAL, "le", "<=");
    compare(Comparison.GREATER, "gt", ">", "greaterthan");
    compare(Comparison.GREATER_EQUAL, "ge", ">=");
    compare(Comparison.IN, "in");
    add("odd", "value", (a, budget) -> leaves(1, a.value("value"), Value.of(2), budget));
    add("even", "value", (a, budget) -> leaves(0, a.value("value"), Value.of(2), budget));
    add("divisibleby", "value num", (a, budget) -> leaves(0, a.value("value"), a.value("num"), budget));
    add("lower", "value", (a, budget) -> PyStr.isAllCase(Text.str(a.value("value"), budget), Character::isLowerCase));
    add("upper", "value", (a, budget) -> PyStr.isAllCase(Text.str(a.value("value"), budget), Character::isUpperCase));
    add("sameas", "value other", (a, budget) -> isSame(a.value("value"), a.value("other")));
    is("defined", value -> !(value instanceof Undefined));
    is("undefined", Undefined.class::isInstance);
    is("none", value -> value == Value.NONE);
    is("boolean", Bool.class::isInstance);
    is("true", value -> value == Value.TRUE);
    is("false", value -> value == Value.FALSE);
    is("integer", Int.class::isInstance);
    is("float", Value.Float.class::isInstance);
    is("number", Numbers::isNumber);
    is("string", Str.class::isInstance);
    is("mapping", Dict.class::isInstance);
    is("sequence", value -> Attributes.isSequence(value) || value instanceof Dict || value instanceof Undefined);
    is("iterable", Operators::isIterable);
    is("callable", value -> value instanceof Callable || value instanceof Undefined);
    is("escaped", value -> value instanceof Str text && text.safe());
    add("filter", "value",
        (a, budget) -> Keys.form(a.value("value"), budget) instanceof String name && Filters.exists(name));
    add("test", "value", (a, budget) -> Keys.form(a.value("value"), budget) instanceof String name && exists(name));
  }

  private Tests() {}

  private static void add(String name, String parameters, Body body) {
    TABLE.put(name, new Test(Signature.of(name, parameters), body));
  }

  private static void is(String name, Predicate<Value> holds) {
    add(name, "value", (a, budget) -> holds.test(a.value("value")));
  }

  private static void compare(Comparison operator, String... names) {
    for (String name : List.of(names)) {
      add(name, "a b", (a, budget) -> Operators.compare(operator, a.value("a"), a.value("b"), budget));
    }
  }

  private static boolean leaves(int remainder, Value value, Value divisor, Budget budget) {
    return Operators.equal(Operators.binary(Binary.MODULO, value, divisor, budget), Value.of(remainder), budget);
  }

  /** Whether two values are one object. Python keeps one object for each small integer and for each constant. */
  private static boolean isSame(Value value, Value other) {
    return value == other
        || value instanceof Int a && other instanceof Int b && a.equals(b) && a.value().bitLength() <= 8
        || value instanceof Str s && other instanceof Str t && s.equals(t);
  }

  static boolean exists(String name) {
    return TABLE.containsKey(name);
  }

  static Value apply(String name, Arguments arguments, Interpreter interpreter) {
    Test test = TABLE.get(name);
    if (test == null) {
      throw new JinjaException("TemplateRuntimeError", "No test named '" + name + "' found.");
    }
    if (arguments.positional().getFirst() instanceof Str text) {
      interpreter.budget().scan(text.text().length());
    }
    return Value.of(test.body.holds(test.signature.bind(arguments), interpreter.budget()));
  }
}
