package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.python.Arguments.Signature;
import dev.layermesh.tokenizer.jinja.python.Arguments;
import dev.layermesh.tokenizer.jinja.python.Budget;
import dev.layermesh.tokenizer.jinja.python.JinjaException;
import dev.layermesh.tokenizer.jinja.python.Keys;
import dev.layermesh.tokenizer.jinja.python.Numbers;
import dev.layermesh.tokenizer.jinja.python.Operators;
import dev.layermesh.tokenizer.jinja.python.Text;
import dev.layermesh.tokenizer.jinja.python.Value.Cycler;
import dev.layermesh.tokenizer.jinja.python.Value.Dict;
import dev.layermesh.tokenizer.jinja.python.Value.Function;
import dev.layermesh.tokenizer.jinja.python.Value.Namespace;
import dev.layermesh.tokenizer.jinja.python.Value.Range;
import dev.layermesh.tokenizer.jinja.python.Value.Str;
import dev.layermesh.tokenizer.jinja.python.Value;
import java.math.BigInteger;
import java.time.Clock;
import java.time.ZonedDateTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;

/** The functions that every template has: those of Jinja2 but {@code lipsum}, and two of transformers. */
final class Globals {
  private static final int MAX_RANGE = 100_000; // jinja2.sandbox.MAX_RANGE

  private Globals() {}

  static Map<String, Value> all(Clock clock) {
    Map<String, Value> globals = new HashMap<>();
    type(globals, "range", Globals::range);
    type(globals, "dict", Globals::dict);
    type(globals, "namespace", (arguments, budget) -> new Namespace(dict(arguments, budget)));
    type(globals, "cycler", (arguments, budget) -> cycler(arguments.positional()));
    type(globals, "joiner", (arguments, budget) -> joiner(arguments));
    globals.put("raise_exception", new Function("raise_exception", (arguments, budget) -> {
      Value message = Signature.of("raise_exception", "message").bind(arguments).value("message");
      throw new JinjaException(JinjaException.RAISED, Text.str(message, budget));
    }));
    globals.put("strftime_now", new Function("strftime_now", (arguments, budget) -> {
      Str format = Signature.of("strftime_now", "format").bind(arguments).text("format");
      String text = Strftime.format(format.text(), ZonedDateTime.now(clock), budget);
      budget.text(text.length());
      return Value.of(text);
    }));
    return globals;
  }

  private static void type(Map<String, Value> globals, String name, Function.Body body) {
    globals.put(name, new Function("'" + name + "'", "class", body));
  }

  private static Value range(Arguments arguments, Budget budget) {
    List<Value> bounds = arguments.positional();
    if (bounds.isEmpty() || bounds.size() > 3 || !arguments.named().isEmpty()) {
      throw JinjaException.type("range expected 1 to 3 arguments, got " + bounds.size());
    }
    BigInteger start = bounds.size() == 1 ? BigInteger.ZERO : bound(bounds.get(0));
    BigInteger stop = bound(bounds.get(bounds.size() == 1 ? 0 : 1));
    BigInteger step = bounds.size() == 3 ? bound(bounds.get(2)) : BigInteger.ONE;
    if (step.signum() == 0) {
      throw JinjaException.value("range() arg 3 must not be zero");
    }
    BigInteger distance = step.signum() > 0 ? stop.subtract(start) : start.subtract(stop);
    BigInteger length = distance.signum() <= 0 ? BigInteger.ZERO
        : distance.subtract(BigInteger.ONE).divide(step.abs()).add(BigInteger.ONE);
    if (length.compareTo(BigInteger.valueOf(MAX_RANGE)) > 0) {
      throw JinjaException.overflow("Range too big. The sandbox blocks ranges larger than MAX_RANGE (" + MAX_RANGE
          + ").");
    }
    return new Range(start, stop, step, length.intValue());
  }

  private static BigInteger bound(Value value) {
    return Numbers.integer(value).orElseThrow(
        () -> JinjaException.type("'" + value.typeName() + "' object cannot be interpreted as an integer"));
  }

  /** Python's {@code dict()}: of a dict or of pairs, then of arguments by name. */
  private static Dict dict(Arguments arguments, Budget budget) {
    if (arguments.positional().size() > 1) {
      throw JinjaException.type("dict expected at most 1 argument, got " + arguments.positional().size());
    }
    var dict = new Dict();
    for (Value given : arguments.positional()) {
      if (given instanceof Dict other) {
        budget.items(other.size());
        other.entries().forEach((form, entry) -> dict.put(form, entry.key(), entry.value()));
      } else {
        Operators.list(given, budget).forEach(pair -> put(Operators.list(pair, budget), dict, budget));
      }
    }
    arguments.named().forEach(dict::put);
    return dict;
  }

  private static void put(List<Value> pair, Dict dict, Budget budget) {
    if (pair.size() != 2) {
      throw JinjaException.value("dictionary update sequence element has length " + pair.size() + "; 2 is required");
    }
    dict.put(Keys.form(pair.get(0), budget), pair.get(0), pair.get(1));
  }

  private static Value cycler(List<Value> items) {
    if (items.isEmpty()) {
      throw new JinjaException("RuntimeError", "at least one item has to be provided");
    }
    return new Cycler(List.copyOf(items));
  }

  /** A function that gives nothing the first time and the separator from then on. */
  private static Value joiner(Arguments arguments) {
    Value separator = Signature.of("joiner", "sep?").bind(arguments).or("sep", Value.of(", "));
    var used = new AtomicBoolean();
    return new Function("joiner", "Joiner", (none, budget) -> used.getAndSet(true) ? separator : Value.of(""));
  }
}
