package dev.layermesh.tokenizer.jinja.python;

import dev.layermesh.tokenizer.jinja.python.Arguments.Bound;
import dev.layermesh.tokenizer.jinja.python.Value.Bytes;
import dev.layermesh.tokenizer.jinja.python.Value.Dict;
import dev.layermesh.tokenizer.jinja.python.Value.PyList;
import dev.layermesh.tokenizer.jinja.python.Value.Str;
import dev.layermesh.tokenizer.jinja.python.Value.Tuple;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntPredicate;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;

/** The methods of {@code str}. Those of Markup give Markup and escape the text that they put in. */
final class StrMethods {
  static final Map<String, Method<Str>> TABLE = new HashMap<>();

  private static final String CJK_NUMERALS = "〇一二三四五六七八九十百千万亿億兆零壹貳叁參肆伍陸柒捌玖拾佰仟";

  static {
    change("upper", PyStr::upper);
    change("lower", PyStr::lower);
    change("title", PyStr::title);
    change("capitalize", PyStr::capitalize);
    change("casefold", PyStr::caseFold);
    change("swapcase", PyStr::swapCase);
    kind("isspace", PyStr::isSpace);
    kind("isalpha", Character::isLetter);
    kind("isdecimal", Character::isDigit);
    kind("isdigit", StrMethods::isDigit);
    kind("isnumeric", StrMethods::isNumeric);
    kind("isalnum", point -> Character.isLetter(point) || isNumeric(point));
    check("isascii", text -> text.chars().allMatch(c -> c < 0x80));
    check("isprintable", text -> text.codePoints().allMatch(PyStr::isPrintable));
    check("isidentifier", PyStr::isIdentifier);
    check("islower", text -> PyStr.isAllCase(text, Character::isLowerCase));
    check("isupper", text -> PyStr.isAllCase(text, Character::isUpperCase));
    check("istitle", PyStr::isTitle);
    strip("strip", true, true);
    strip("lstrip", true, false);
    strip("rstrip", false, true);
    searches();
    parts();
    padding();
    changes();
  }

  private StrMethods() {}

  private static void add(String name, String parameters, Method.Body<Str> body) {
    Method.add(TABLE, name, parameters, (self, arguments, budget) -> {
      budget.scan(self.text().length());
      return body.call(self, arguments, budget);
    });
  }

  private static void change(String name, UnaryOperator<String> change) {
    add(name, "/", (self, a, budget) -> made(self, change.apply(self.text()), budget));
  }

  private static Str made(Str self, String text, Budget budget) {
    budget.text(text.length());
    return self.like(text);
  }

  private static void check(String name, Predicate<String> check) {
    add(name, "/", (self, a, budget) -> Value.of(check.test(self.text())));
  }

  /** Whether there are characters and all are of a kind. */
  private static void kind(String name, IntPredicate kind) {
    check(name, text -> !text.isEmpty() && text.codePoints().allMatch(kind));
  }

  private static boolean isDigit(int point) {
    int value = Character.getNumericValue(point);
    return Character.isDigit(point)
        || Character.getType(point) == Character.OTHER_NUMBER && value >= 0 && value <= 9;
  }

  private static boolean isNumeric(int point) {
    return switch (Character.getType(point)) {
      case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER -> true;
      default -> CJK_NUMERALS.indexOf(point) >= 0;
    };
  }

  private static void strip(String name, boolean left, boolean right) {
    add(name, "chars? /", (self, a, budget) -> {
      Optional<Str> characters = a.textUnlessNone("chars");
      IntPredicate removed = characters.<IntPredicate>map(given -> point -> given.text().indexOf(point) >= 0)
          .orElse(PyStr::isSpace);
      budget.scan((long) self.text().length() * characters.map(given -> given.text().length()).orElse(1));
      String text = left ? PyStr.lstrip(self.text(), removed) : self.text();
      return made(self, right ? PyStr.rstrip(text, removed) : text, budget);
    });
  }

  // Searching

  /** The part of a text between the arguments start and end, and where it begins. */
  private record Window(String text, int start) {
    static Optional<Window> of(Str self, Bound a) {
      int length = PyStr.length(self.text());
      int start = a.unlessNone("start").map(Numbers::index).orElse(0);
      int end = a.unlessNone("end").map(Numbers::index).orElse(length);
      int from = Math.max(0, start < 0 ? start + length : start);
      int to = Math.min(length, end < 0 ? Math.max(0, end + length) : end);
      return from > to ? Optional.empty() : Optional.of(new Window(PyStr.substring(self.text(), from, to), from));
    }

    /** The index of an offset in chars, as Python counts. */
    int index(int offset) {
      return start + text.codePointCount(0, offset);
    }
  }

  private interface Search {
    int find(String text, String needle);
  }

  private static void searches() {
    Search first = (text, needle) -> PyStr.find(text, needle, 0);
    Search last = (text, needle) -> PyStr.rfind(text, needle, text.length());
    search("find", "index", first);
    search("rfind", "rindex", last);
    add("count", "sub start? end? /", (self, a, budget) -> {
      String needle = a.text("sub").text();
      return Value.of(Window.of(self, a).map(window -> needle.isEmpty()
          ? PyStr.length(window.text) + 1
          : PyStr.count(window.text, needle)).orElse(0));
    });
    affix("startswith", String::startsWith);
    affix("endswith", String::endsWith);
  }

  private static void search(String name, String orFail, Search search) {
    Method.Body<Str> find = (self, a, budget) -> {
      String needle = a.text("sub").text();
      return Value.of(Window.of(self, a).map(window -> {
        int at = search.find(window.text, needle);
        return at < 0 ? -1 : window.index(at);
      }).orElse(-1));
    };
    add(name, "sub start? end? /", find);
    add(orFail, "sub start? end? /", (self, a, budget) -> {
      Value at = find.call(self, a, budget);
      if (at.equals(Value.of(-1))) {
        throw JinjaException.value("substring not found");
      }
      return at;
    });
  }

  private interface Affix {
    boolean matches(String text, String affix);
  }

  private static void affix(String name, Affix affix) {
    add(name, "affix start? end? /", (self, a, budget) -> {
      List<Value> choices = a.value("affix") instanceof Tuple tuple ? tuple.items() : List.of(a.value("affix"));
      Optional<Window> window = Window.of(self, a);
      for (Value choice : choices) {
        if (!(choice instanceof Str text)) {
          throw JinjaException.type(name + " first arg must be str or a tuple of str, not " + choice.typeName());
        }
        budget.step();
        if (window.isPresent() && affix.matches(window.get().text, text.text())) {
          return Value.TRUE;
        }
      }
      return Value.FALSE;
    });
  }

  // Parts

  private static void parts() {
    add("split", "sep? maxsplit?", (self, a, budget) -> list(self, a.textUnlessNone("sep")
        .map(separator -> PyStr.split(self.text(), nonEmpty(separator), a.integer("maxsplit", -1), budget))
        .orElseGet(() -> PyStr.split(self.text(), a.integer("maxsplit", -1), budget))));
    add("rsplit", "sep? maxsplit?", (self, a, budget) -> list(self, a.textUnlessNone("sep")
        .map(separator -> PyStr.rsplit(self.text(), nonEmpty(separator), a.integer("maxsplit", -1), budget))
        .orElseGet(() -> PyStr.rsplit(self.text(), a.integer("maxsplit", -1), budget))));
    add("splitlines", "keepends?",
        (self, a, budget) -> list(self, PyStr.lines(self.text(), a.flag("keepends", false), budget)));
    add("partition", "sep /", (self, a, budget) -> {
      String separator = nonEmpty(a.text("sep"));
      int at = PyStr.find(self.text(), separator, 0);
      budget.text(self.text().length());
      return at < 0 ? triple(self, self.text(), "", "") : cut(self, at, separator);
    });
    add("rpartition", "sep /", (self, a, budget) -> {
      String separator = nonEmpty(a.text("sep"));
      int at = PyStr.rfind(self.text(), separator, self.text().length());
      budget.text(self.text().length());
      return at < 0 ? triple(self, "", "", self.text()) : cut(self, at, separator);
    });
  }

  private static String nonEmpty(Str separator) {
    if (separator.text().isEmpty()) {
      throw JinjaException.value("empty separator");
    }
    return separator.text();
  }

  private static Value list(Str self, List<String> parts) {
    return new PyList(parts.stream().<Value>map(self::like).toList());
  }

  private static Value cut(Str self, int at, String separator) {
    return triple(self, self.text().substring(0, at), separator, self.text().substring(at + separator.length()));
  }

  private static Value triple(Str self, String before, String separator, String after) {
    return Tuple.of(self.like(before), self.like(separator), self.like(after));
  }

  // Padding

  private static void padding() {
    add("ljust", "width fillchar? /", (self, a, budget) -> pad(self, a, 0, 1, budget));
    add("rjust", "width fillchar? /", (self, a, budget) -> pad(self, a, 1, 0, budget));
    add("center", "width fillchar? /", (self, a, budget) -> {
      int missing = a.integer("width", 0) - PyStr.length(self.text());
      // An odd character goes to the left where the width is odd.
      int left = missing / 2 + (missing & a.integer("width", 0) & 1);
      return pad(self, a, left, missing - left, budget);
    });
    add("zfill", "width /", (self, a, budget) -> {
      int missing = a.integer("width", 0) - PyStr.length(self.text());
      if (missing <= 0) {
        return self;
      }
      budget.text(a.integer("width", 0));
      int sign = self.text().startsWith("+") || self.text().startsWith("-") ? 1 : 0;
      return self.like(self.text().substring(0, sign) + "0".repeat(missing) + self.text().substring(sign));
    });
    add("expandtabs", "tabsize?",
        (self, a, budget) -> made(self, expandTabs(self.text(), a.integer("tabsize", 8), budget), budget));
  }

  /** Fills a text to a width, in a proportion of left to right where only one side is filled. */
  private static Value pad(Str self, Bound a, int left, int right, Budget budget) {
    String fill = a.find("fillchar").map(value -> a.text("fillchar").text()).orElse(" ");
    if (PyStr.length(fill) != 1) {
      throw JinjaException.type("The fill character must be exactly one character long");
    }
    int missing = a.integer("width", 0) - PyStr.length(self.text());
    if (missing <= 0) {
      return self;
    }
    budget.text(a.integer("width", 0));
    int before = left == 0 ? 0 : right == 0 ? missing : left;
    return self.like(fill.repeat(before) + self.text() + fill.repeat(missing - before));
  }

  private static String expandTabs(String text, int size, Budget budget) {
    var expanded = new StringBuilder();
    int column = 0;
    for (int next : text.codePoints().toArray()) {
      if (next == '\t') {
        int spaces = size > 0 ? size - column % size : 0;
        budget.text(spaces);
        expanded.append(" ".repeat(spaces));
        column += spaces;
      } else {
        expanded.appendCodePoint(next);
        column = next == '\n' || next == '\r' ? 0 : column + 1;
      }
    }
    return expanded.toString();
  }

  // Changes

  private static void changes() {
    add("replace", "old new count? /", (self, a, budget) -> replace(self, a.text("old").text(),
        escaped(self, a.text("new"), budget), a.integer("count", -1), budget));
    add("join", "iterable /", StrMethods::join);
    add("removeprefix", "prefix /", (self, a, budget) -> self.text().startsWith(a.text("prefix").text())
        ? made(self, self.text().substring(a.text("prefix").text().length()), budget)
        : self);
    add("removesuffix", "suffix /", (self, a, budget) -> self.text().endsWith(a.text("suffix").text())
        ? made(self, self.text().substring(0, self.text().length() - a.text("suffix").text().length()), budget)
        : self);
    add("encode", "encoding? errors?", (self, a, budget) -> {
      budget.text(3L * self.text().length());
      return new Bytes(self.text().getBytes(StandardCharsets.UTF_8));
    });
    add("maketrans", "from to? remove? /", StrMethods::table);
    add("translate", "table /", StrMethods::translate);
  }

  private static String escaped(Str self, Str text, Budget budget) {
    return self.safe() ? Text.escape(text, budget).text() : text.text();
  }

  /** Replaces at most a number of matches; a negative number is no bound. */
  static Str replace(Str self, String old, String replacement, int limit, Budget budget) {
    String text = self.text();
    budget.scan(text.length());
    var replaced = new StringBuilder();
    int end = 0;
    int count = 0;
    if (old.isEmpty()) {
      for (int at = 0; at <= text.length() && (limit < 0 || count < limit); count++) {
        replaced.append(text, end, at).append(replacement);
        budget.text(replaced.length() - (long) end);
        end = at;
        at += at < text.length() ? Character.charCount(text.codePointAt(at)) : 1;
      }
    } else {
      for (int at = PyStr.find(text, old, 0); at >= 0 && (limit < 0 || count < limit);
          at = PyStr.find(text, old, end)) {
        replaced.append(text, end, at).append(replacement);
        end = at + old.length();
        count++;
        budget.text(replacement.length());
      }
    }
    return made(self, replaced.append(text.substring(end)).toString(), budget);
  }

  private static Value join(Str self, Bound a, Budget budget) {
    var joined = new StringBuilder();
    int index = 0;
    for (Iterator<Value> items = Operators.iterate(a.value("iterable"), budget); items.hasNext(); index++) {
      Value item = items.next();
      if (!self.safe() && !(item instanceof Str)) {
        throw JinjaException.type("sequence item " + index + ": expected str instance, " + item.typeName() + " found");
      }
      String part = self.safe() ? Text.escape(item, budget).text() : ((Str) item).text();
      joined.append(index == 0 ? "" : self.text()).append(part);
      budget.text((long) part.length() + self.text().length());
    }
    return made(self, joined.toString(), budget);
  }

  private static Value table(Str self, Bound a, Budget budget) {
    var table = new Dict();
    if (a.find("to").isEmpty()) {
      if (!(a.value("from") instanceof Dict given)) {
        throw JinjaException.type("if you give only one argument to maketrans it must be a dict");
      }
      given.entries().values().forEach(entry -> {
        Value key = entry.key() instanceof Str text ? Value.of(text.text().codePointAt(0)) : entry.key();
        table.put(Keys.form(key, budget), key, entry.value());
      });
      return table;
    }
    int[] from = a.text("from").text().codePoints().toArray();
    int[] to = a.text("to").text().codePoints().toArray();
    if (from.length != to.length) {
      throw JinjaException.value("the first two maketrans arguments must have equal length");
    }
    for (int i = 0; i < from.length; i++) {
      table.put(Keys.form(Value.of(from[i]), budget), Value.of(from[i]), Value.of(to[i]));
    }
    a.find("remove").ifPresent(value -> a.text("remove").text().codePoints()
        .forEach(point -> table.put(Keys.form(Value.of(point), budget), Value.of(point), Value.NONE)));
    return table;
  }

  private static Value translate(Str self, Bound a, Budget budget) {
    var translated = new StringBuilder();
    self.text().codePoints().forEach(point -> {
      Value replacement = a.value("table") instanceof Dict dict
          ? dict.get(Keys.form(Value.of(point), budget)).orElse(Value.of(point))
          : Attributes.item(a.value("table"), Value.of(point), budget);
      switch (replacement) {
        case Str text -> {
          budget.text(text.text().length());
          translated.append(text.text());
        }
        case Value.Int integer -> translated.append(PyStr.character(integer.value()));
        case Value.None none -> {}
        default -> translated.appendCodePoint(point);
      }
    });
    return made(self, translated.toString(), budget);
  }
}
