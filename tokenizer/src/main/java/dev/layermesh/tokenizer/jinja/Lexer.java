package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.Token.Kind;
import dev.layermesh.tokenizer.jinja.python.JinjaException;
import dev.layermesh.tokenizer.jinja.python.Numbers;
import dev.layermesh.tokenizer.jinja.python.PyStr;
import dev.layermesh.tokenizer.jinja.python.Text;
import java.math.BigInteger;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cuts a template into tokens and removes the whitespace around tags: {@code trim_blocks} and {@code lstrip_blocks} are
 * on, {@code keep_trailing_newline} is off, as in transformers.
 */
final class Lexer {
  private static final String BLANK =
      "[\\s\\x1c-\\x1f\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
  private static final Pattern TAG = Pattern.compile("\\{([{%#])([-+]?)");
  private static final Pattern RAW = Pattern.compile(
      "\\{%([-+]?)" + BLANK + "*raw" + BLANK + "*(?:-%\\}" + BLANK + "*|%\\})");
  private static final Pattern END_RAW = Pattern.compile(
      "\\{%([-+]?)" + BLANK + "*endraw" + BLANK + "*(?:\\+%\\}|-%\\}" + BLANK + "*|%\\}\\n?)");
  private static final Pattern COMMENT_END = Pattern.compile("\\+#\\}|-#\\}" + BLANK + "*|#\\}\\n?");
  private static final Pattern BLOCK_END = Pattern.compile("\\+%\\}|-%\\}" + BLANK + "*|%\\}\\n?");
  private static final Pattern VARIABLE_END = Pattern.compile("-\\}\\}" + BLANK + "*|\\}\\}");
  private static final Pattern SPACE = Pattern.compile(BLANK + "+");
  private static final Pattern FLOAT = Pattern.compile(
      "(?<!\\.)(?:\\d+_)*\\d+(?:(?:\\.(?:\\d+_)*\\d+)?[eE][+\\-]?(?:\\d+_)*\\d+|\\.(?:\\d+_)*\\d+)");
  private static final Pattern INTEGER = Pattern.compile(
      "0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[\\da-fA-F])+|[1-9](?:_?\\d)*|0(?:_?0)*");
  private static final Pattern NAME = Pattern.compile("\\w+", Pattern.UNICODE_CHARACTER_CLASS);
  private static final Pattern OPERATOR =
      Pattern.compile("//|\\*\\*|==|!=|>=|<=|[-+/*%~\\[\\](){}><=.:|,;]");
  private static final Map<String, String> CLOSING = Map.of("(", ")", "[", "]", "{", "}");

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int position;
  private int line = 1;
  private boolean lineStarting = true;

  private Lexer(String source) {
    this.source = source;
  }

  /** The tokens of a template, with one that marks the end. */
  static List<Token> tokens(String template) {
    String source = template.replace("\r\n", "\n").replace('\r', '\n');
    var lexer = new Lexer(source.endsWith("\n") ? source.substring(0, source.length() - 1) : source);
    lexer.root();
    lexer.add(Kind.EOF, "");
    return lexer.tokens;
  }

  private void root() {
    Matcher tag = TAG.matcher(source);
    while (tag.find(position)) {
      Matcher raw = at(RAW, tag.start());
      boolean isRaw = raw.lookingAt();
      data(source.substring(position, tag.start()), isRaw ? raw.group(1) : tag.group(2), tag.group(1).equals("{"));
      advance(isRaw ? raw.end() : tag.end());
      if (isRaw) {
        raw();
        continue;
      }
      switch (tag.group(1)) {
        case "{" -> inside(Kind.VARIABLE_BEGIN, Kind.VARIABLE_END, VARIABLE_END);
        case "%" -> inside(Kind.BLOCK_BEGIN, Kind.BLOCK_END, BLOCK_END);
        default -> comment();
      }
    }
    if (position < source.length()) {
      add(Kind.DATA, source.substring(position));
    }
  }

  /** Emits the text before a tag without the whitespace that the tag's sign or its place on the line removes. */
  private void data(String text, String sign, boolean beforeVariable) {
    String kept = text;
    if (sign.equals("-")) {
      kept = PyStr.rstrip(text);
    } else if (sign.isEmpty() && !beforeVariable) {
      int start = text.lastIndexOf('\n') + 1;
      if ((start > 0 || lineStarting) && PyStr.strip(text.substring(start)).isEmpty()) {
        kept = text.substring(0, start);
      }
    }
    if (!kept.isEmpty()) {
      add(Kind.DATA, kept);
    }
    advance(position + text.length());
  }

  private void raw() {
    Matcher end = END_RAW.matcher(source);
    if (!end.find(position)) {
      throw JinjaException.syntax("Missing end of raw directive", line);
    }
    data(source.substring(position, end.start()), end.group(1), false);
    advance(end.end());
  }

  private void comment() {
    Matcher end = COMMENT_END.matcher(source);
    if (!end.find(position)) {
      throw JinjaException.syntax("Missing end of comment tag", line);
    }
    advance(end.end());
  }

  /** The tokens of a tag up to its end. A closing brace that belongs to an open one is no end. */
  private void inside(Kind begin, Kind endKind, Pattern endPattern) {
    add(begin, "");
    Deque<String> open = new ArrayDeque<>();
    while (position < source.length()) {
      Matcher end = at(endPattern, position);
      if (open.isEmpty() && end.lookingAt()) {
        add(endKind, "");
        advance(end.end());
        return;
      }
      token(open);
    }
  }

  private void token(Deque<String> open) {
    if (skip(SPACE) || constant() || name()) {
      return;
    }
    char next = source.charAt(position);
    if (next == '"' || next == '\'') {
      string(next);
      return;
    }
    Matcher operator = at(OPERATOR, position);
    if (!operator.lookingAt()) {
      throw JinjaException.syntax("unexpected char " + Text.repr(source.substring(position, position + 1)), line);
    }
    balance(operator.group(), open);
    add(Token.OPERATORS.get(operator.group()), operator.group());
    advance(operator.end());
  }

  private void balance(String operator, Deque<String> open) {
    if (CLOSING.containsKey(operator)) {
      open.push(CLOSING.get(operator));
    } else if (CLOSING.containsValue(operator)) {
      if (open.isEmpty()) {
        throw JinjaException.syntax("unexpected '" + operator + "'", line);
      }
      String expected = open.pop();
      if (!expected.equals(operator)) {
        throw JinjaException.syntax("unexpected '" + operator + "', expected '" + expected + "'", line);
      }
    }
  }

  private boolean constant() {
    Matcher number = at(FLOAT, position);
    if (number.lookingAt()) {
      add(Kind.FLOAT, Double.parseDouble(number.group().replace("_", "")));
      advance(number.end());
      return true;
    }
    Matcher integer = at(INTEGER, position);
    if (!integer.lookingAt()) {
      return false;
    }
    add(Kind.INTEGER, integer(integer.group().replace("_", "")));
    advance(integer.end());
    return true;
  }

  private BigInteger integer(String digits) {
    if (digits.length() > Numbers.MAX_DIGITS) {
      throw JinjaException.syntax("an integer of more than " + Numbers.MAX_DIGITS + " digits", line);
    }
    return Numbers.parseInteger(digits, 0).orElseThrow(() -> JinjaException.syntax("no integer: " + digits, line));
  }

  private boolean name() {
    Matcher name = at(NAME, position);
    if (!name.lookingAt()) {
      return false;
    }
    if (!PyStr.isIdentifier(name.group())) {
      throw JinjaException.syntax("Invalid character in identifier", line);
    }
    add(Kind.NAME, name.group());
    advance(name.end());
    return true;
  }

  private void string(char quote) {
    int end = position + 1;
    while (end < source.length() && source.charAt(end) != quote) {
      end += source.charAt(end) == '\\' ? 2 : 1;
    }
    if (end >= source.length()) {
      throw JinjaException.syntax("unexpected char " + Text.repr(String.valueOf(quote)), line);
    }
    add(Kind.STRING, Escapes.decode(source.substring(position + 1, end), line));
    advance(end + 1);
  }

  private boolean skip(Pattern pattern) {
    Matcher matcher = at(pattern, position);
    if (!matcher.lookingAt()) {
      return false;
    }
    advance(matcher.end());
    return true;
  }

  private Matcher at(Pattern pattern, int start) {
    return pattern.matcher(source).region(start, source.length()).useTransparentBounds(true);
  }

  private void add(Kind kind, Object value) {
    tokens.add(new Token(kind, value, line));
  }

  private void advance(int end) {
    for (int i = position; i < end; i++) {
      if (source.charAt(i) == '\n') {
        line++;
      }
    }
    if (end > position) {
      lineStarting = source.charAt(end - 1) == '\n';
    }
    position = end;
  }
}
