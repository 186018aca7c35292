package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.python.Arguments.Bound;
import dev.layermesh.tokenizer.jinja.python.Arguments.Signature;
import dev.layermesh.tokenizer.jinja.python.Arguments;
import dev.layermesh.tokenizer.jinja.python.JinjaException;
import dev.layermesh.tokenizer.jinja.python.Value;
import java.util.HashMap;
import java.util.Map;

/** The filters of Jinja2 by name. */
final class Filters {
  /** What a filter does. */
  interface Body {
    Value apply(Bound arguments, Interpreter interpreter);
  }

  /** What a filter does that takes any arguments. The first is the value to its left. */
  interface Open {
    Value apply(Arguments arguments, Interpreter interpreter);
  }

  private static final Map<String, Open> TABLE = table();

  private Filters() {}

  private static Map<String, Open> table() {
    Map<String, Open> table = new HashMap<>();
    SequenceFilters.addTo(table);
    TextFilters.addTo(table);
    NumberFilters.addTo(table);
    HtmlFilters.addTo(table);
    return Map.copyOf(table);
  }

  /**
   * Adds a filter.
   *
   * @param parameters the names of its parameters; a question mark marks those that may be absent
   */
  static void add(Map<String, Open> table, String name, String parameters, Body body) {
    Signature signature = Signature.of(name, parameters);
    table.put(name, (arguments, interpreter) -> body.apply(signature.bind(arguments), interpreter));
  }

  static boolean exists(String name) {
    return TABLE.containsKey(name);
  }

  static Value apply(String name, Arguments arguments, Interpreter interpreter) {
    Open filter = TABLE.get(name);
    if (filter == null) {
      throw new JinjaException("TemplateRuntimeError", "No filter named '" + name + "' found.");
    }
    if (arguments.positional().getFirst() instanceof Value.Str text) {
      interpreter.budget().scan(text.text().length());
    }
    return filter.apply(arguments, interpreter);
  }

  static JinjaException wrongArgument(String message) {
    return new JinjaException("FilterArgumentError", message);
  }
}
