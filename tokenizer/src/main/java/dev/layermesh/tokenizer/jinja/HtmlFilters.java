package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.python.Arguments.Bound;
import dev.layermesh.tokenizer.jinja.python.Attributes;
import dev.layermesh.tokenizer.jinja.python.Budget;
import dev.layermesh.tokenizer.jinja.python.JinjaException;
import dev.layermesh.tokenizer.jinja.python.Operators;
import dev.layermesh.tokenizer.jinja.python.PyStr;
import dev.layermesh.tokenizer.jinja.python.Text;
import dev.layermesh.tokenizer.jinja.python.Value.Dict;
import dev.layermesh.tokenizer.jinja.python.Value.Str;
import dev.layermesh.tokenizer.jinja.python.Value.Undefined;
import dev.layermesh.tokenizer.jinja.python.Value;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The filters that escape text or make HTML. Jinja2's {@code urlize} is left out: no prompt needs links. */
final class HtmlFilters {
  private static final Pattern NO_ATTRIBUTE_NAME = Pattern.compile("[\\s/>=]");
  private static final Pattern ENTITY = Pattern.compile("&(?:#(\\d{1,7})|#[xX]([\\da-fA-F]{1,6})|(\\w+));?");
  private static final HexFormat HEX = HexFormat.of().withUpperCase();
  private static final Map<String, String> ENTITIES = Map.of("amp", "&", "lt", "<", "gt", ">", "quot", "\"",
      "apos", "'", "nbsp", "\u00a0", "copy", "\u00a9", "reg", "\u00ae", "raquo", "\u00bb", "laquo", "\u00ab");

  private HtmlFilters() {}

  static void addTo(Map<String, Filters.Open> table) {
    for (String name : List.of("e", "escape")) {
      Filters.add(table, name, "s", (a, in) -> Text.escape(a.value("s"), in.budget()));
    }
    Filters.add(table, "forceescape", "value",
        (a, in) -> Text.escape(Value.of(Text.str(a.value("value"), in.budget())), in.budget()));
    Filters.add(table, "safe", "value", (a, in) -> new Str(Text.str(a.value("value"), in.budget()), true));
    Filters.add(table, "striptags", "value",
        (a, in) -> Value.of(unescape(withoutTags(Text.str(a.value("value"), in.budget()), in.budget()))));
    Filters.add(table, "xmlattr", "d autospace?", HtmlFilters::attributes);
    Filters.add(table, "urlencode", "value", HtmlFilters::urlEncode);
  }

  private static String withoutTags(String html, Budget budget) {
    String text = without(without(html, "<!--", "-->", budget), "<", ">", budget);
    return String.join(" ", PyStr.split(text, -1, budget));
  }

  private static String without(String html, String open, String close, Budget budget) {
    String text = html;
    for (int start = text.indexOf(open); start >= 0; start = text.indexOf(open)) {
      int end = text.indexOf(close, start);
      if (end < 0) {
        break;
      }
      budget.scan(text.length());
      text = text.substring(0, start) + text.substring(end + close.length());
    }
    return text;
  }

  private static String unescape(String text) {
    return ENTITY.matcher(text).replaceAll(entity -> Matcher.quoteReplacement(
        entity.group(1) != null ? character(Integer.parseInt(entity.group(1)), entity.group())
            : entity.group(2) != null ? character(Integer.parseInt(entity.group(2), 16), entity.group())
                : ENTITIES.getOrDefault(entity.group(3), entity.group())));
  }

  private static String character(int point, String otherwise) {
    return Character.isValidCodePoint(point) ? PyStr.character(point) : otherwise;
  }

  private static Value attributes(Bound a, Interpreter in) {
    if (!(a.value("d") instanceof Dict dict)) {
      throw Attributes.noMethod(a.value("d"), "items");
    }
    var attributes = new ArrayList<String>();
    for (Dict.Entry entry : dict.entries().values()) {
      if (entry.value() == Value.NONE || entry.value() instanceof Undefined) {
        continue;
      }
      if (!(entry.key() instanceof Str key)) {
        throw JinjaException.type("expected string or bytes-like object");
      }
      if (NO_ATTRIBUTE_NAME.matcher(key.text()).find()) {
        throw JinjaException.value("Invalid character in attribute name: " + Text.repr(key.text()));
      }
      attributes.add(Text.escape(key, in.budget()).text() + "=\""
          + Text.escape(entry.value(), in.budget()).text() + "\"");
    }
    String all = String.join(" ", attributes);
    String spaced = a.flag("autospace", true) && !all.isEmpty() ? " " + all : all;
    in.budget().text(spaced.length());
    return new Str(spaced, in.autoescape());
  }

  private static Value urlEncode(Bound a, Interpreter in) {
    Value value = a.value("value");
    if (value instanceof Str || !Operators.isIterable(value)) {
      return Value.of(quote(Text.str(value, in.budget()), "/", in.budget()));
    }
    Value pairs = value instanceof Dict dict ? new Value.DictView(Value.DictView.Kind.ITEMS, dict) : value;
    var parts = new ArrayList<String>();
    for (Value pair : Operators.list(pairs, in.budget())) {
      List<Value> items = Operators.list(pair, in.budget());
      if (items.size() != 2) {
        throw JinjaException.value("expected pairs of key and value");
      }
      parts.add(query(items.get(0), in) + "=" + query(items.get(1), in));
    }
    return Value.of(String.join("&", parts));
  }

  private static String query(Value value, Interpreter in) {
    return quote(Text.str(value, in.budget()), "", in.budget()).replace("%20", "+");
  }

  private static String quote(String text, String safe, Budget budget) {
    budget.text(3L * text.length());
    var quoted = new StringBuilder();
    for (byte each : text.getBytes(StandardCharsets.UTF_8)) {
      char character = (char) (each & 0xff);
      boolean kept = character < 0x80
          && (Character.isLetterOrDigit(character) || ("_.-~" + safe).indexOf(character) >= 0);
      quoted.append(kept ? String.valueOf(character) : "%" + HEX.toHexDigits(each));
    }
    return quoted.toString();
  }
}
