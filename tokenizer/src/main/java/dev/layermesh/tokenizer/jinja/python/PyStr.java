package dev.layermesh.tokenizer.jinja.python;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;

/** Python's text operations on Java strings. Python counts code points; so do all indexes here. */
public final class PyStr {
  private PyStr() {}

  // Code points

  public static int length(String text) {
    return text.codePointCount(0, text.length());
  }

  /** Whether every character is one char, so that indexes of Java and Python agree. */
  public static boolean isNarrow(String text) {
    return length(text) == text.length();
  }

  /** The offset in chars of a code point, for an index between 0 and the length. */
  public static int offset(String text, int index) {
    return isNarrow(text) ? index : text.offsetByCodePoints(0, index);
  }

  public static String substring(String text, int start, int end) {
    if (start >= end) {
      return "";
    }
    int from = offset(text, start);
    return text.substring(from, isNarrow(text) ? end : text.offsetByCodePoints(from, end - start));
  }

  public static String character(int codePoint) {
    return Character.toString(codePoint);
  }

  /** The character with a number from outside, as {@code chr()} checks it. */
  public static String character(BigInteger codePoint) {
    if (codePoint.signum() < 0 || codePoint.bitLength() > 21 || codePoint.intValue() > Character.MAX_CODE_POINT) {
      throw JinjaException.overflow("a character's number must be in range(0x110000)");
    }
    return character(codePoint.intValue());
  }

  /** Orders as Python does: by code point, where Java orders by char. */
  public static int compare(String left, String right) {
    int shared = Math.min(left.length(), right.length());
    for (int i = 0; i < shared; i++) {
      char a = left.charAt(i);
      char b = right.charAt(i);
      if (a != b) {
        return Character.isSurrogate(a) == Character.isSurrogate(b)
            ? Character.compare(a, b)
            : Character.isSurrogate(a) ? 1 : -1;
      }
    }
    return Integer.compare(left.length(), right.length());
  }

  // Whitespace

  public static boolean isSpace(int point) {
    return point >= 0x09 && point <= 0x0d || point >= 0x1c && point <= 0x20 || point == 0x85 || point == 0xa0
        || point == 0x1680 || point >= 0x2000 && point <= 0x200a || point == 0x2028 || point == 0x2029
        || point == 0x202f || point == 0x205f || point == 0x3000;
  }

  public static String strip(String text) {
    return lstrip(rstrip(text, PyStr::isSpace), PyStr::isSpace);
  }

  public static String rstrip(String text) {
    return rstrip(text, PyStr::isSpace);
  }

  public static String lstrip(String text, IntPredicate removed) {
    int start = 0;
    while (start < text.length() && removed.test(text.codePointAt(start))) {
      start += Character.charCount(text.codePointAt(start));
    }
    return text.substring(start);
  }

  public static String rstrip(String text, IntPredicate removed) {
    int end = text.length();
    while (end > 0 && removed.test(text.codePointBefore(end))) {
      end -= Character.charCount(text.codePointBefore(end));
    }
    return text.substring(0, end);
  }

  /** The words of a text, from the left; after {@code limit} of them the rest in one piece, if that is not negative. */
  public static List<String> split(String text, int limit, Budget budget) {
    var words = new Parts(budget);
    int start = skip(text, 0, true);
    while (start < text.length()) {
      if (words.list.size() == limit) {
        words.add(text, start, text.length());
        break;
      }
      int end = skip(text, start, false);
      words.add(text, start, end);
      start = skip(text, end, true);
    }
    return words.list;
  }

  /** As {@link #split(String, int, Budget)}, from the right. */
  public static List<String> rsplit(String text, int limit, Budget budget) {
    var words = new Parts(budget);
    int end = skipBack(text, text.length(), true);
    while (end > 0) {
      if (words.list.size() == limit) {
        words.add(text, 0, end);
        break;
      }
      int start = skipBack(text, end, false);
      words.add(text, start, end);
      end = skipBack(text, start, true);
    }
    return words.list.reversed();
  }

  /** The end of the run of characters from {@code start} on that are white space, or that are not. */
  private static int skip(String text, int start, boolean space) {
    int end = start;
    while (end < text.length() && isSpace(text.charAt(end)) == space) {
      end++;
    }
    return end;
  }

  /** The start of the run of characters before {@code end} that are white space, or that are not. */
  private static int skipBack(String text, int end, boolean space) {
    int start = end;
    while (start > 0 && isSpace(text.charAt(start - 1)) == space) {
      start--;
    }
    return start;
  }

  /** The parts of a text, each charged before it is made. */
  private record Parts(List<String> list, Budget budget) {
    Parts(Budget budget) {
      this(new ArrayList<>(), budget);
    }

    void add(String text, int start, int end) {
      budget.items(1);
      budget.text(end - start);
      list.add(text.substring(start, end));
    }
  }

  /** The parts of a text between separators; after {@code limit} of them the rest, if that is not negative. */
  public static List<String> split(String text, String separator, int limit, Budget budget) {
    var parts = new Parts(budget);
    int start = 0;
    for (int at = find(text, separator, 0); at >= 0 && (limit < 0 || parts.list.size() < limit);
        at = find(text, separator, start)) {
      parts.add(text, start, at);
      start = at + separator.length();
    }
    parts.add(text, start, text.length());
    return parts.list;
  }

  /** As {@link #split(String, String, int, Budget)}, from the right. */
  public static List<String> rsplit(String text, String separator, int limit, Budget budget) {
    var parts = new Parts(budget);
    int end = text.length();
    for (int at = rfind(text, separator, end); at >= 0 && (limit < 0 || parts.list.size() < limit);
        at = rfind(text, separator, end)) {
      budget.scan(separator.length() > SHORT ? end : 0); // what rfind copied
      parts.add(text, at + separator.length(), end);
      end = at;
    }
    parts.add(text, 0, end);
    return parts.list.reversed();
  }

  private static boolean isLineBreak(char c) {
    return c >= '\n' && c <= '\r' || c >= 0x1c && c <= 0x1e || c == 0x85 || c == 0x2028 || c == 0x2029;
  }

  public static List<String> lines(String text, boolean keepEnds, Budget budget) {
    var lines = new Parts(budget);
    int start = 0;
    for (int i = 0; i < text.length(); i++) {
      if (isLineBreak(text.charAt(i))) {
        int end = text.startsWith("\r\n", i) ? i + 2 : i + 1;
        lines.add(text, start, keepEnds ? end : i);
        start = end;
        i = end - 1;
      }
    }
    if (start < text.length()) {
      lines.add(text, start, text.length());
    }
    return lines.list;
  }

  // Searching. Java's own search takes the product of both lengths at worst: it serves for short needles only.

  private static final int SHORT = 32;

  /** The offset in chars of the first match at or after one, or -1. Takes time linear in the length. */
  public static int find(String text, String needle, int from) {
    if (needle.length() <= SHORT) {
      return text.indexOf(needle, from);
    }
    int[] borders = borders(needle);
    int matched = 0;
    for (int i = from; i < text.length(); i++) {
      while (matched > 0 && text.charAt(i) != needle.charAt(matched)) {
        matched = borders[matched];
      }
      if (text.charAt(i) == needle.charAt(matched)) {
        matched++;
      }
      if (matched == needle.length()) {
        return i + 1 - matched;
      }
    }
    return -1;
  }

  /** For each prefix its longest border, after Knuth, Morris and Pratt. */
  private static int[] borders(String needle) {
    int[] borders = new int[needle.length() + 1];
    int border = 0;
    for (int i = 1; i < needle.length(); i++) {
      while (border > 0 && needle.charAt(i) != needle.charAt(border)) {
        border = borders[border];
      }
      if (needle.charAt(i) == needle.charAt(border)) {
        border++;
      }
      borders[i + 1] = border;
    }
    return borders;
  }

  /** The offset in chars of the last match that ends at or before one, or -1. */
  public static int rfind(String text, String needle, int end) {
    if (needle.length() > end) {
      return -1;
    }
    if (needle.length() <= SHORT) {
      return text.lastIndexOf(needle, end - needle.length());
    }
    String reversed = new StringBuilder(needle).reverse().toString();
    int at = find(new StringBuilder(text.substring(0, end)).reverse().toString(), reversed, 0);
    return at < 0 ? -1 : end - at - needle.length();
  }

  public static int count(String text, String needle) {
    int count = 0;
    for (int at = find(text, needle, 0); at >= 0; at = find(text, needle, at + needle.length())) {
      count++;
    }
    return count;
  }

  // Case

  public static String title(String text) {
    var titled = new StringBuilder();
    boolean inWord = false;
    for (int point : text.codePoints().toArray()) {
      if (inWord) {
        titled.append(lower(character(point)));
      } else {
        titled.append(titleCase(point));
      }
      inWord = isCased(point);
    }
    return titled.toString();
  }

  public static String titleCase(int point) {
    String upper = character(point).toUpperCase(Locale.ROOT);
    return upper.length() > Character.charCount(point)
        ? character(Character.toTitleCase(upper.codePointAt(0)))
            + upper.substring(Character.charCount(upper.codePointAt(0))).toLowerCase(Locale.ROOT)
        : character(Character.toTitleCase(point));
  }

  public static String capitalize(String text) {
    if (text.isEmpty()) {
      return text;
    }
    int first = text.codePointAt(0);
    return titleCase(first) + lower(text).substring(lower(character(first)).length());
  }

  public static String lower(String text) {
    return text.toLowerCase(Locale.ROOT);
  }

  public static String upper(String text) {
    return text.toUpperCase(Locale.ROOT);
  }

  public static String swapCase(String text) {
    var swapped = new StringBuilder();
    text.codePoints().forEach(point -> swapped.append(
        Character.isUpperCase(point) ? lower(character(point))
            : Character.isLowerCase(point) ? upper(character(point)) : character(point)));
    return swapped.toString();
  }

  /** Case folding: lower case of upper case, but for dotless i and for Cherokee, which folds to upper case. */
  public static String caseFold(String text) {
    var folded = new StringBuilder();
    text.codePoints().forEach(point -> {
      String character = character(point);
      boolean cherokee = point >= 0x13a0 && point <= 0x13fd || point >= 0xab70 && point <= 0xabbf;
      folded.append(point == 0x131 ? character : cherokee ? upper(character) : lower(upper(character)));
    });
    return folded.toString();
  }

  public static boolean isCased(int point) {
    return Character.isUpperCase(point) || Character.isLowerCase(point) || Character.isTitleCase(point);
  }

  /** Whether a text has cased characters and all of them are of one case. */
  public static boolean isAllCase(String text, IntPredicate wanted) {
    return text.codePoints().anyMatch(PyStr::isCased)
        && text.codePoints().filter(PyStr::isCased).allMatch(wanted);
  }

  public static boolean isTitle(String text) {
    boolean inWord = false;
    boolean any = false;
    for (int point : text.codePoints().toArray()) {
      boolean starts = Character.isUpperCase(point) || Character.isTitleCase(point);
      if (starts == inWord && isCased(point)) {
        return false;
      }
      inWord = isCased(point);
      any |= inWord;
    }
    return any;
  }

  // Kinds of characters

  public static boolean isIdentifier(String text) {
    return !text.isEmpty() && isIdentifierStart(text.codePointAt(0))
        && text.codePoints().skip(1).allMatch(point -> isIdentifierStart(point)
            || Character.isUnicodeIdentifierPart(point) && !Character.isIdentifierIgnorable(point));
  }

  private static boolean isIdentifierStart(int point) {
    return point == '_' || Character.isUnicodeIdentifierStart(point);
  }

  public static boolean isPrintable(int point) {
    return point == ' ' || switch (Character.getType(point)) {
      case Character.CONTROL, Character.FORMAT, Character.SURROGATE, Character.PRIVATE_USE, Character.UNASSIGNED,
          Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR, Character.SPACE_SEPARATOR -> false;
      default -> true;
    };
  }
}
