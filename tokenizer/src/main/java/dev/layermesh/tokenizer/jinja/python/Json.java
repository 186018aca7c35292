package dev.layermesh.tokenizer.jinja.python;

import dev.layermesh.tokenizer.jinja.python.Value.Bool;
import dev.layermesh.tokenizer.jinja.python.Value.Dict;
import dev.layermesh.tokenizer.jinja.python.Value.Int;
import dev.layermesh.tokenizer.jinja.python.Value.None;
import dev.layermesh.tokenizer.jinja.python.Value.PyList;
import dev.layermesh.tokenizer.jinja.python.Value.Str;
import dev.layermesh.tokenizer.jinja.python.Value.Tuple;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;

/** Python's {@code json.dumps}. */
public final class Json {
  private final boolean ascii;
  private final Optional<String> indent;
  private final String itemSeparator;
  private final String keySeparator;
  private final boolean sorted;
  private final Budget budget;
  private final StringBuilder text = new StringBuilder();

  /**
   * How to write JSON.
   *
   * @param ascii whether to escape what is not ASCII
   * @param indent what to indent each level by; without it all is one line
   * @param separators what to put between items and behind keys, if not what Python does by default
   * @param sorted whether to sort the keys
   */
  public record Options(boolean ascii, Optional<String> indent, Optional<List<String>> separators, boolean sorted) {}

  private Json(Options options, Budget budget) {
    this.ascii = options.ascii;
    this.indent = options.indent;
    List<String> separators =
        options.separators.orElse(List.of(options.indent.isPresent() ? "," : ", ", ": "));
    this.itemSeparator = separators.get(0);
    this.keySeparator = separators.get(1);
    this.sorted = options.sorted;
    this.budget = budget;
  }

  public static String write(Value value, Options options, Budget budget) {
    var json = new Json(options, budget);
    json.value(value, 0);
    return json.text.toString();
  }

  private void value(Value value, int depth) {
    budget.step();
    budget.enter();
    int before = text.length();
    switch (value) {
      case Str string -> string(string.text());
      case None none -> text.append("null");
      case Bool bool -> text.append(bool.value());
      case Int integer -> text.append(Numbers.text(integer.value()));
      case Value.Float number -> text.append(number(number.value()));
      case PyList list -> list(list.items(), depth);
      case Tuple tuple -> list(tuple.items(), depth);
      case Dict dict -> dict(dict, depth);
      default -> throw JinjaException.type("Object of type " + value.typeName() + " is not JSON serializable");
    }
    budget.text(text.length() - before);
    budget.leave();
  }

  private static String number(double number) {
    if (Double.isFinite(number)) {
      return Numbers.text(number);
    }
    return Double.isNaN(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
  }

  private void list(List<Value> items, int depth) {
    if (items.isEmpty()) {
      text.append("[]");
      return;
    }
    text.append('[');
    for (Iterator<Value> each = items.iterator(); each.hasNext();) {
      newline(depth + 1);
      value(each.next(), depth + 1);
      text.append(each.hasNext() ? itemSeparator : "");
    }
    newline(depth);
    text.append(']');
  }

  private void dict(Dict dict, int depth) {
    if (dict.size() == 0) {
      text.append("{}");
      return;
    }
    var entries = new ArrayList<>(dict.entries().values());
    if (sorted) {
      Sorting.sort(entries, Dict.Entry::key, budget);
    }
    text.append('{');
    for (Iterator<Dict.Entry> each = entries.iterator(); each.hasNext();) {
      Dict.Entry entry = each.next();
      newline(depth + 1);
      string(key(entry.key()));
      text.append(keySeparator);
      value(entry.value(), depth + 1);
      text.append(each.hasNext() ? itemSeparator : "");
    }
    newline(depth);
    text.append('}');
  }

  private static String key(Value key) {
    return switch (key) {
      case Str string -> string.text();
      case Value.Float number -> number(number.value());
      case Bool bool -> String.valueOf(bool.value());
      case None none -> "null";
      case Int integer -> Numbers.text(integer.value());
      default -> throw JinjaException.type(
          "keys must be str, int, float, bool or None, not " + key.typeName());
    };
  }

  private void newline(int depth) {
    indent.ifPresent(step -> {
      budget.text((long) step.length() * depth + 1);
      text.append('\n').append(step.repeat(depth));
    });
  }

  private void string(String string) {
    text.append('"');
    for (int i = 0; i < string.length(); i++) {
      char next = string.charAt(i);
      switch (next) {
        case '"' -> text.append("\\\"");
        case '\\' -> text.append("\\\\");
        case '\n' -> text.append("\\n");
        case '\r' -> text.append("\\r");
        case '\t' -> text.append("\\t");
        case '\f' -> text.append("\\f");
        case '\b' -> text.append("\\b");
        default -> {
          if (next < 0x20 || ascii && next > 0x7e) {
            text.append(String.format("\\u%04x", (int) next));
          } else {
            text.append(next);
          }
        }
      }
    }
    text.append('"');
  }
}
