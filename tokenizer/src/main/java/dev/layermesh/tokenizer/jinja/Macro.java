package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.Node.Routine;
import dev.layermesh.tokenizer.jinja.python.Arguments;
import dev.layermesh.tokenizer.jinja.python.Budget;
import dev.layermesh.tokenizer.jinja.python.JinjaException;
import dev.layermesh.tokenizer.jinja.python.Text;
import dev.layermesh.tokenizer.jinja.python.Value.Dict;
import dev.layermesh.tokenizer.jinja.python.Value.Tuple;
import dev.layermesh.tokenizer.jinja.python.Value.Undefined;
import dev.layermesh.tokenizer.jinja.python.Value;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A macro, or the body of a call block, as a value.
 *
 * @param around the variables it was defined among
 * @param interpreter what runs its body
 */
record Macro(String name, Routine routine, Frame around, Interpreter interpreter) implements Value.Callable {
  @Override
  public String typeName() {
    return "Macro";
  }

  @Override
  public String spelling() {
    return "<Macro " + Text.repr(name) + ">";
  }

  @Override
  public Optional<Value> attribute(String attribute) {
    return Optional.ofNullable(switch (attribute) {
      case "name" -> Value.of(name);
      case "arguments" -> new Tuple(routine.parameters().stream().<Value>map(Value::of).toList());
      case "catch_kwargs" -> Value.of(routine.specials().namedRest());
      case "catch_varargs" -> Value.of(routine.specials().rest());
      case "caller" -> Value.of(takesCaller());
      default -> null;
    });
  }

  private boolean takesCaller() {
    return routine.specials().caller() || routine.parameters().contains("caller");
  }

  @Override
  public Value call(Arguments arguments, Budget budget) {
    var frame = new Frame(routine.scope(), around);
    frame.enter(interpreter.variables());
    bind(arguments, frame);
    defaults(frame);
    return interpreter.text(routine.body(), frame);
  }

  /** Sets the parameters that the call gives. */
  private void bind(Arguments arguments, Frame frame) {
    List<String> parameters = routine.parameters();
    List<Value> positional = arguments.positional();
    Map<String, Value> named = arguments.namedCopy();
    for (int i = 0; i < parameters.size(); i++) {
      String parameter = parameters.get(i);
      if (i < positional.size()) {
        frame.set(parameter, positional.get(i));
      } else if (named.containsKey(parameter)) {
        frame.set(parameter, named.remove(parameter));
      }
    }
    if (routine.specials().caller()) {
      Value caller = named.remove("caller");
      frame.set("caller", caller == null || caller == Value.NONE ? Undefined.hint("No caller defined") : caller);
    }
    if (routine.specials().namedRest()) {
      var rest = new Dict();
      named.forEach(rest::put);
      frame.set("kwargs", rest);
    } else if (!named.isEmpty()) {
      throw JinjaException.type("macro '" + name + "' takes no keyword argument '" + named.keySet().iterator().next()
          + "'");
    }
    if (routine.specials().rest()) {
      frame.set("varargs", new Tuple(arguments.from(parameters.size()).positional()));
    } else if (positional.size() > parameters.size()) {
      throw JinjaException.type("macro '" + name + "' takes not more than " + parameters.size() + " argument(s)");
    }
  }

  /** Sets the parameters that the call leaves out, in order: a default may use those before it. */
  private void defaults(Frame frame) {
    int first = routine.parameters().size() - routine.defaults().size();
    for (int i = 0; i < routine.parameters().size(); i++) {
      String parameter = routine.parameters().get(i);
      if (frame.find(parameter).isEmpty()) {
        frame.set(parameter, i < first
            ? Undefined.hint("parameter '" + parameter + "' was not provided")
            : interpreter.evaluate(routine.defaults().get(i - first), frame));
      }
    }
  }
}
