package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.python.Budget;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Python's {@code strftime} in the C locale, for templates that say what day it is. */
final class Strftime {
  private static final Pattern DIRECTIVE = Pattern.compile("%(-?)([a-zA-Z%])");
  private static final Map<String, String> PATTERNS = Map.ofEntries(
      Map.entry("a", "EEE"), Map.entry("A", "EEEE"), Map.entry("b", "MMM"), Map.entry("B", "MMMM"),
      Map.entry("d", "dd"), Map.entry("-d", "d"), Map.entry("e", "ppd"), Map.entry("f", "SSSSSS"),
      Map.entry("H", "HH"), Map.entry("-H", "H"), Map.entry("I", "hh"), Map.entry("-I", "h"),
      Map.entry("j", "DDD"), Map.entry("m", "MM"), Map.entry("-m", "M"), Map.entry("M", "mm"),
      Map.entry("-M", "m"), Map.entry("p", "a"), Map.entry("S", "ss"), Map.entry("-S", "s"),
      Map.entry("y", "uu"), Map.entry("Y", "uuuu"), Map.entry("F", "uuuu-MM-dd"), Map.entry("T", "HH:mm:ss"),
      Map.entry("z", "xx"), Map.entry("Z", "zzz"));

  private Strftime() {}

  /** Directives this does not know stay as they are; each is charged. */
  static String format(String format, ZonedDateTime time, Budget budget) {
    return DIRECTIVE.matcher(format).replaceAll(match -> {
      String directive = match.group(1) + match.group(2);
      String text = directive.equals("%")
          ? "%"
          : PATTERNS.containsKey(directive)
              ? DateTimeFormatter.ofPattern(PATTERNS.get(directive), Locale.ENGLISH).format(time)
              : match.group();
      budget.scan(100L * text.length()); // a directive takes a microsecond
      return Matcher.quoteReplacement(text);
    });
  }
}
