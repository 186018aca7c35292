package dev.layermesh.tokenizer.jinja.python;

import dev.layermesh.tokenizer.jinja.python.Value.Str;
import dev.layermesh.tokenizer.jinja.python.Value.Undefined;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The arguments of a call: those by position, then those by name. */
public record Arguments(List<Value> positional, Map<String, Value> named) {
  public static final Arguments NONE = of();

  public static Arguments of(Value... positional) {
    return new Arguments(List.of(positional), Map.of());
  }

  /** These arguments behind one more, as a filter receives the value to its left. */
  public Arguments after(Value first) {
    var all = new ArrayList<Value>(positional.size() + 1);
    all.add(first);
    all.addAll(positional);
    return new Arguments(all, named);
  }

  /** The arguments by position from the given one on, with all those by name. */
  public Arguments from(int start) {
    return new Arguments(positional.subList(Math.min(start, positional.size()), positional.size()), named);
  }

  /** The names of a function's parameters, as {@code "value width? fill?"}: a question mark marks the optional ones. */
  public record Signature(String function, List<String> names, int required, boolean positionalOnly) {
    /** Parses a list of names; a slash at its end forbids arguments by name. */
    public static Signature of(String function, String parameters) {
      boolean positionalOnly = parameters.endsWith("/");
      var names = new ArrayList<String>();
      int required = 0;
      for (String word : parameters.replace("/", "").split(" ")) {
        if (word.endsWith("?")) {
          names.add(word.substring(0, word.length() - 1));
        } else if (!word.isEmpty()) {
          names.add(word);
          required++;
        }
      }
      return new Signature(function, List.copyOf(names), required, positionalOnly);
    }

    public Bound bind(Arguments arguments) {
      if (arguments.positional.size() > names.size()) {
        throw JinjaException.type(function + "() takes at most " + names.size() + " arguments ("
            + arguments.positional.size() + " given)");
      }
      var values = new HashMap<String, Value>();
      for (int i = 0; i < arguments.positional.size(); i++) {
        values.put(names.get(i), arguments.positional.get(i));
      }
      arguments.named.forEach((name, value) -> {
        if (positionalOnly || !names.contains(name)) {
          throw JinjaException.type(function + "() got an unexpected keyword argument '" + name + "'");
        }
        if (values.put(name, value) != null) {
          throw JinjaException.type(function + "() got multiple values for argument '" + name + "'");
        }
      });
      for (String name : names.subList(0, required)) {
        if (!values.containsKey(name)) {
          throw JinjaException.type(function + "() missing required argument '" + name + "'");
        }
      }
      return new Bound(values);
    }
  }

  /** Arguments by the names of the parameters. */
  public record Bound(Map<String, Value> values) {
    /** A required argument. */
    public Value value(String name) {
      return values.get(name);
    }

    public Optional<Value> find(String name) {
      return Optional.ofNullable(values.get(name));
    }

    public Value or(String name, Value absent) {
      return values.getOrDefault(name, absent);
    }

    /** An argument unless it is absent or None. */
    public Optional<Value> unlessNone(String name) {
      return find(name).filter(value -> value != Value.NONE);
    }

    /** A text; None and anything else is refused. */
    public Str text(String name) {
      return text(value(name));
    }

    public Optional<Str> textUnlessNone(String name) {
      return unlessNone(name).map(Bound::text);
    }

    private static Str text(Value value) {
      return switch (value) {
        case Str text -> text;
        case Undefined undefined -> throw JinjaException.type("expected str instance, Undefined found");
        default -> throw JinjaException.type("expected str instance, " + value.typeName() + " found");
      };
    }

    /** A whole number that fits in an int; larger ones are cut to the nearest that does. */
    public int integer(String name, int absent) {
      return find(name).map(Numbers::index).orElse(absent);
    }

    public boolean flag(String name, boolean absent) {
      return find(name).map(Operators::truth).orElse(absent);
    }
  }

  /** The arguments by name as a dict, for functions that take any. */
  public Value.Dict namedAsDict() {
    var dict = new Value.Dict();
    named.forEach(dict::put);
    return dict;
  }

  /** A copy of the named arguments that may be changed. */
  public Map<String, Value> namedCopy() {
    return new LinkedHashMap<>(named);
  }
}
