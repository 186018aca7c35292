package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.python.Arguments.Bound;
import dev.layermesh.tokenizer.jinja.python.Arguments;
import dev.layermesh.tokenizer.jinja.python.Attributes;
import dev.layermesh.tokenizer.jinja.python.Budget;
import dev.layermesh.tokenizer.jinja.python.JinjaException;
import dev.layermesh.tokenizer.jinja.python.Json;
import dev.layermesh.tokenizer.jinja.python.Numbers;
import dev.layermesh.tokenizer.jinja.python.Operators.Binary;
import dev.layermesh.tokenizer.jinja.python.Operators;
import dev.layermesh.tokenizer.jinja.python.PercentFormat;
import dev.layermesh.tokenizer.jinja.python.PyStr;
import dev.layermesh.tokenizer.jinja.python.Text;
import dev.layermesh.tokenizer.jinja.python.Value.Callable;
import dev.layermesh.tokenizer.jinja.python.Value.PyList;
import dev.layermesh.tokenizer.jinja.python.Value.Str;
import dev.layermesh.tokenizer.jinja.python.Value.Tuple;
import dev.layermesh.tokenizer.jinja.python.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The filters that work on text. */
final class TextFilters {
  private static final Pattern WORD = Pattern.compile("\\w+", Pattern.UNICODE_CHARACTER_CLASS);
  private static final Pattern BEFORE_WORD = Pattern.compile(
      "[-({\\[<\\s\\x1c-\\x1f\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+");

  private TextFilters() {}

  static void addTo(Map<String, Filters.Open> table) {
    Filters.add(table, "string", "value", (a, in) -> text(a.value("value"), in));
    Filters.add(table, "upper", "s", (a, in) -> method("upper", a.value("s"), in));
    Filters.add(table, "lower", "s", (a, in) -> method("lower", a.value("s"), in));
    Filters.add(table, "capitalize", "s", (a, in) -> method("capitalize", a.value("s"), in));
    Filters.add(table, "trim", "value chars?",
        (a, in) -> method("strip", a.value("value"), in, a.or("chars", Value.NONE)));
    Filters.add(table, "center", "value width?",
        (a, in) -> method("center", a.value("value"), in, a.or("width", Value.of(80))));
    Filters.add(table, "title", "s", TextFilters::title);
    Filters.add(table, "replace", "s old new count?", TextFilters::replace);
    Filters.add(table, "indent", "s width? first? blank?", TextFilters::indent);
    Filters.add(table, "truncate", "s length? killwords? end? leeway?", TextFilters::truncate);
    Filters.add(table, "wordcount", "s",
        (a, in) -> Value.of(WORD.matcher(text(a.value("s"), in).text()).results().count()));
    Filters.add(table, "wordwrap", "s width? break_long_words? wrapstring? break_on_hyphens?", TextFilters::wrap);
    Filters.add(table, "tojson", "x ensure_ascii? indent? separators? sort_keys?", TextFilters::json);
    Filters.add(table, "pprint", "value", (a, in) -> Value.of(Text.repr(a.value("value"), in.budget())));
    table.put("format", TextFilters::format);
  }

  /** A text as it is, anything else as printed. */
  static Str text(Value value, Interpreter in) {
    return value instanceof Str text ? text : Value.of(Text.str(value, in.budget()));
  }

  private static Value method(String name, Value value, Interpreter in, Value... arguments) {
    var method = (Callable) Attributes.attribute(text(value, in), name);
    return method.call(Arguments.of(arguments), in.budget());
  }

  private static Value title(Bound a, Interpreter in) {
    String text = text(a.value("s"), in).text();
    in.budget().text(text.length());
    var titled = new StringBuilder();
    Matcher gap = BEFORE_WORD.matcher(text);
    int start = 0;
    while (gap.find()) {
      word(text.substring(start, gap.start()), titled);
      word(gap.group(), titled);
      start = gap.end();
    }
    word(text.substring(start), titled);
    return Value.of(titled.toString());
  }

  private static void word(String word, StringBuilder titled) {
    if (!word.isEmpty()) {
      String first = PyStr.character(word.codePointAt(0));
      titled.append(PyStr.upper(first)).append(PyStr.lower(word.substring(first.length())));
    }
  }

  private static Value replace(Bound a, Interpreter in) {
    Budget budget = in.budget();
    Value count = a.unlessNone("count").orElse(Value.of(-1));
    Str old = Value.of(Text.str(a.value("old"), budget));
    Str replacement = Value.of(Text.str(a.value("new"), budget));
    Value subject = Value.of(Text.str(a.value("s"), budget));
    if (in.autoescape()) {
      boolean markup = a.value("s") instanceof Str s && s.safe() || a.value("old") instanceof Str o && o.safe()
          || a.value("new") instanceof Str n && n.safe();
      subject = markup ? Text.escape(a.value("s"), budget) : text(a.value("s"), in);
      replacement = text(a.value("new"), in);
    }
    return method("replace", subject, in, old, replacement, count);
  }

  private static Value indent(Bound a, Interpreter in) {
    Budget budget = in.budget();
    Value width = a.or("width", Value.of(4));
    Value step = width instanceof Str text ? text
        : Operators.binary(Binary.MULTIPLY, Value.of(" "), width, budget);
    if (a.value("s") instanceof PyList list) {
      throw Attributes.noMethod(list, "splitlines");
    }
    var whole = (Str) Operators.binary(Binary.ADD, a.value("s"), Value.of("\n"), budget);
    String indention = Text.str(step, budget);
    List<String> lines = PyStr.lines(whole.text(), false, budget);
    var indented = new StringBuilder(a.flag("first", false) ? indention : "").append(lines.getFirst());
    for (String line : lines.subList(1, lines.size())) {
      indented.append('\n').append(line.isEmpty() && !a.flag("blank", false) ? "" : indention).append(line);
      budget.text((long) indention.length() + line.length());
    }
    return whole.like(indented.toString());
  }

  private static Value truncate(Bound a, Interpreter in) {
    String end = a.find("end").map(value -> a.text("end").text()).orElse("...");
    int length = a.integer("length", 255);
    int leeway = a.unlessNone("leeway").map(Numbers::index).orElse(5);
    if (length < PyStr.length(end) || leeway < 0) {
      throw new JinjaException("AssertionError", "expected length >= " + PyStr.length(end) + ", got " + length);
    }
    if (Operators.length(a.value("s")) <= length + (long) leeway) {
      return a.value("s");
    }
    Str text = a.text("s");
    String cut = PyStr.substring(text.text(), 0, length - PyStr.length(end));
    int space = cut.lastIndexOf(' ');
    String kept = a.flag("killwords", false) || space < 0 ? cut : cut.substring(0, space);
    return Operators.binary(Binary.ADD, text.like(kept), Value.of(end), in.budget());
  }

  private static Value wrap(Bound a, Interpreter in) {
    if (!(a.value("s") instanceof Str text)) {
      throw Attributes.noMethod(a.value("s"), "splitlines");
    }
    int width = a.integer("width", 79);
    String between = a.textUnlessNone("wrapstring").map(Str::text).orElse("\n");
    var wrapped = new ArrayList<String>();
    for (String line : PyStr.lines(text.text(), false, in.budget())) {
      wrapped.add(String.join(between,
          WordWrap.lines(line, width, a.flag("break_long_words", true), a.flag("break_on_hyphens", true))));
      in.budget().text(wrapped.getLast().length());
    }
    return Value.of(String.join(between, wrapped));
  }

  /** As transformers defines it: text that is not ASCII stays, and nothing is escaped for HTML. */
  private static Value json(Bound a, Interpreter in) {
    Optional<String> indent = a.unlessNone("indent").map(step -> step instanceof Str text
        ? text.text() : " ".repeat(Math.clamp(Numbers.index(step), 0, 1000)));
    Optional<List<String>> separators = a.unlessNone("separators").map(pair -> {
      List<Value> items = Operators.list(pair, in.budget());
      if (items.size() != 2) {
        throw JinjaException.value("separators must be two texts");
      }
      return items.stream().map(item -> Text.str(item, in.budget())).toList();
    });
    var options = new Json.Options(a.flag("ensure_ascii", false), indent, separators, a.flag("sort_keys", false));
    return Value.of(Json.write(a.value("x"), options, in.budget()));
  }

  private static Value format(Arguments arguments, Interpreter in) {
    Arguments rest = arguments.from(1);
    if (!rest.positional().isEmpty() && !rest.named().isEmpty()) {
      throw Filters.wrongArgument("can't handle positional and keyword arguments at the same time");
    }
    Value values = rest.named().isEmpty() ? new Tuple(rest.positional()) : rest.namedAsDict();
    return PercentFormat.format(text(arguments.positional().getFirst(), in), values, in.budget());
  }
}
