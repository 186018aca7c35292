package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.python.Arguments.Bound;
import dev.layermesh.tokenizer.jinja.python.JinjaException;
import dev.layermesh.tokenizer.jinja.python.Numbers;
import dev.layermesh.tokenizer.jinja.python.Operators.Binary;
import dev.layermesh.tokenizer.jinja.python.Operators;
import dev.layermesh.tokenizer.jinja.python.Value.Int;
import dev.layermesh.tokenizer.jinja.python.Value.Str;
import dev.layermesh.tokenizer.jinja.python.Value;
import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The filters that make or change numbers. */
final class NumberFilters {
  private static final List<String> SIZES = List.of("k", "M", "G", "T", "P", "E", "Z", "Y");

  private NumberFilters() {}

  static void addTo(Map<String, Filters.Open> table) {
    Filters.add(table, "abs", "x", (a, in) -> absolute(a.value("x")));
    Filters.add(table, "int", "value default? base?", (a, in) -> integer(a));
    Filters.add(table, "float", "value default?", (a, in) -> real(a));
    Filters.add(table, "round", "value precision? method?", NumberFilters::round);
    Filters.add(table, "filesizeformat", "value binary?", (a, in) -> fileSize(a));
  }

  private static Value absolute(Value value) {
    return value instanceof Value.Float number
        ? new Value.Float(Math.abs(number.value()))
        : new Int(Numbers.integer(value)
            .orElseThrow(() -> JinjaException.type("bad operand type for abs(): '" + value.typeName() + "'")).abs());
  }

  private static Value integer(Bound a) {
    Value value = a.value("value");
    try {
      if (value instanceof Str text) {
        Optional<BigInteger> parsed = Numbers.parseInteger(text.text(), a.integer("base", 10));
        return new Int(parsed.orElseGet(() -> Numbers.truncate(Numbers.toReal(text))));
      }
      return new Int(Numbers.toInteger(value));
    } catch (JinjaException e) {
      boolean caught = e.kind().equals("TypeError") || e.kind().equals("ValueError")
          || value instanceof Str && e.kind().equals("OverflowError");
      if (caught) {
        return a.or("default", Value.of(0));
      }
      throw e;
    }
  }

  private static Value real(Bound a) {
    try {
      return new Value.Float(Numbers.toReal(a.value("value")));
    } catch (JinjaException e) {
      if (e.kind().equals("TypeError") || e.kind().equals("ValueError")) {
        return a.or("default", new Value.Float(0));
      }
      throw e;
    }
  }

  private static Value round(Bound a, Interpreter in) {
    Value value = a.value("value");
    Value method = a.or("method", Value.of("common"));
    if (method.equals(Value.of("common"))) {
      return Numbers.round(value, a.integer("precision", 0));
    }
    boolean up = method.equals(Value.of("ceil"));
    if (!up && !method.equals(Value.of("floor"))) {
      throw Filters.wrongArgument("method must be common, ceil or floor");
    }
    Value scale = Operators.binary(Binary.POWER, Value.of(10), a.or("precision", Value.of(0)), in.budget());
    Value scaled = Operators.binary(Binary.MULTIPLY, value, scale, in.budget());
    if (!Numbers.isNumber(scaled)) {
      throw JinjaException.type("must be real number, not " + scaled.typeName());
    }
    Value whole = scaled instanceof Value.Float number
        ? new Int(Numbers.truncate(up ? Math.ceil(number.value()) : Math.floor(number.value())))
        : scaled;
    return Operators.binary(Binary.DIVIDE, whole, scale, in.budget());
  }

  private static Value fileSize(Bound a) {
    double bytes = Numbers.toReal(a.value("value"));
    boolean binary = a.flag("binary", false);
    double base = binary ? 1024 : 1000;
    if (bytes == 1) {
      return Value.of("1 Byte");
    }
    if (bytes < base) {
      return Value.of(Numbers.truncate(bytes) + " Bytes");
    }
    int size = 0;
    while (size < SIZES.size() - 1 && bytes >= Math.pow(base, size + 2)) {
      size++;
    }
    String unit = binary ? SIZES.get(size).toUpperCase() + "iB" : SIZES.get(size) + "B";
    return Value.of(Numbers.fixed(base * bytes / Math.pow(base, size + 2), 1) + " " + unit);
  }
}
