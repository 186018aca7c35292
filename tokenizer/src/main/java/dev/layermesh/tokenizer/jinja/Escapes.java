package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.python.JinjaException;
import dev.layermesh.tokenizer.jinja.python.Text;

/** Escapes in the string constants of a template; they are those of Python's {@code unicode-escape} codec. */
final class Escapes {
  private final String source;
  private final int line;
  private final StringBuilder text = new StringBuilder();
  private int position;

  private Escapes(String source, int line) {
    this.source = source;
    this.line = line;
  }

  /**
   * The text of a constant without its quotes. Jinja2 escapes what is not ASCII before it decodes; after a backslash
   * that shows: a backslash before é becomes \xe9.
   */
  static String decode(String raw, int line) {
    return raw.indexOf('\\') < 0 ? raw : new Escapes(Text.ascii(raw), line).decode();
  }

  private String decode() {
    while (position < source.length()) {
      char next = source.charAt(position++);
      if (next == '\\') {
        escape();
      } else {
        text.append(next);
      }
    }
    return text.toString();
  }

  private void escape() {
    if (position == source.length()) {
      throw JinjaException.syntax("\\ at end of string", line);
    }
    char kind = source.charAt(position++);
    switch (kind) {
      case '\n' -> {}
      case '\\', '\'', '"' -> text.append(kind);
      case 'a' -> text.append('\u0007');
      case 'b' -> text.append('\b');
      case 'f' -> text.append('\f');
      case 'n' -> text.append('\n');
      case 'r' -> text.append('\r');
      case 't' -> text.append('\t');
      case 'v' -> text.append('\u000b');
      case '0', '1', '2', '3', '4', '5', '6', '7' -> octal();
      case 'x' -> hexadecimal(2);
      case 'u' -> hexadecimal(4);
      case 'U' -> hexadecimal(8);
      case 'N' -> named();
      default -> text.append('\\').append(kind);
    }
  }

  private void octal() {
    int start = position - 1;
    while (position < source.length() && position < start + 3 && "01234567".indexOf(source.charAt(position)) >= 0) {
      position++;
    }
    text.append((char) Integer.parseInt(source.substring(start, position), 8));
  }

  private void hexadecimal(int digits) {
    int end = position;
    while (end < source.length() && end < position + digits && Character.digit(source.charAt(end), 16) >= 0) {
      end++;
    }
    if (end < position + digits) {
      throw JinjaException.syntax("truncated \\x, \\u or \\U escape", line);
    }
    long point = Long.parseLong(source.substring(position, end), 16);
    if (point > Character.MAX_CODE_POINT) {
      throw JinjaException.syntax("illegal Unicode character", line);
    }
    text.appendCodePoint((int) point);
    position = end;
  }

  private void named() {
    int end = source.indexOf('}', position);
    if (end < 0 || position == source.length() || source.charAt(position) != '{') {
      throw JinjaException.syntax("malformed \\N character escape", line);
    }
    try {
      text.appendCodePoint(Character.codePointOf(source.substring(position + 1, end)));
    } catch (IllegalArgumentException e) {
      throw JinjaException.syntax("unknown Unicode character name", line);
    }
    position = end + 1;
  }
}
