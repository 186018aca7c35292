package dev.layermesh.tokenizer.jinja.python;

import dev.layermesh.tokenizer.jinja.python.Arguments.Bound;
import dev.layermesh.tokenizer.jinja.python.Arguments.Signature;
import java.util.Map;

/** A method of a type: the names of its parameters and what it does to a value. */
record Method<T extends Value>(Signature signature, Body<T> body) {
  /** What a method does. */
  interface Body<T> {
    Value call(T self, Bound arguments, Budget budget);
  }

  static <T extends Value> void add(Map<String, Method<T>> table, String name, String parameters, Body<T> body) {
    table.put(name, new Method<>(Signature.of(name, parameters), body));
  }

  /** The method of one value, as a template calls it. */
  Value.Function bind(T self) {
    return new Value.Function(signature.function() + " of " + self.typeName() + " object", "built-in method",
        (arguments, budget) -> body.call(self, signature.bind(arguments), budget));
  }
}
