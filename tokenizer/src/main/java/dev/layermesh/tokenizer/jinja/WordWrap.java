package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.python.JinjaException;
import dev.layermesh.tokenizer.jinja.python.PyStr;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Breaks a line as Python's {@code textwrap.wrap} does. */
final class WordWrap {
  private static final int LONGEST_LINE = 1 << 14; // finding hyphens takes quadratic time at worst
  private static final String SPACE = "[\\t\\n\\x0b\\f\\r ]";
  private static final String LETTER = "[^\\d\\W]";
  private static final String PUNCTUATED = "[\\w!\"'&.,?]";
  private static final Pattern CHUNK = Pattern.compile(
      SPACE + "+|(?<=" + PUNCTUATED + ")-{2,}(?=\\w)|"
          + "[^\\t\\n\\x0b\\f\\r ]+?(?:-(?:(?<=" + LETTER + "{2}-)|(?<=" + LETTER
          + "-" + LETTER + "-))(?=" + LETTER + "-?" + LETTER + ")|(?=" + SPACE + "|\\z)|(?<=" + PUNCTUATED
          + ")(?=-{2,}\\w))",
      Pattern.UNICODE_CHARACTER_CLASS);
  private static final Pattern WORD = Pattern.compile(SPACE + "+|[^\\t\\n\\x0b\\f\\r ]+");

  private final int width;
  private final boolean breakWords;
  private final boolean breakHyphens;
  private final Deque<String> chunks = new ArrayDeque<>();

  private WordWrap(int width, boolean breakWords, boolean breakHyphens) {
    this.width = width;
    this.breakWords = breakWords;
    this.breakHyphens = breakHyphens;
  }

  static List<String> lines(String line, int width, boolean breakWords, boolean breakHyphens) {
    if (width <= 0) {
      throw JinjaException.value("invalid width " + width + " (must be > 0)");
    }
    if (line.length() > LONGEST_LINE) {
      throw JinjaException.limit("wordwrap of a line of more than " + LONGEST_LINE + " characters");
    }
    var wrap = new WordWrap(width, breakWords, breakHyphens);
    Matcher chunk = (breakHyphens ? CHUNK : WORD).matcher(line);
    while (chunk.find()) {
      if (!chunk.group().isEmpty()) {
        wrap.chunks.add(chunk.group());
      }
    }
    return wrap.lines();
  }

  private List<String> lines() {
    var lines = new ArrayList<String>();
    while (!chunks.isEmpty()) {
      if (!lines.isEmpty() && isBlank(chunks.getFirst())) {
        chunks.removeFirst();
      }
      List<String> line = line();
      if (!line.isEmpty() && isBlank(line.getLast())) {
        line.removeLast();
      }
      if (!line.isEmpty()) {
        lines.add(String.join("", line));
      }
    }
    return lines;
  }

  private List<String> line() {
    var line = new ArrayList<String>();
    int length = 0;
    while (!chunks.isEmpty() && length + PyStr.length(chunks.getFirst()) <= width) {
      length += PyStr.length(chunks.getFirst());
      line.add(chunks.removeFirst());
    }
    if (!chunks.isEmpty() && PyStr.length(chunks.getFirst()) > width) {
      longWord(line, width - length);
    }
    return line;
  }

  private void longWord(List<String> line, int room) {
    if (!breakWords) {
      if (line.isEmpty()) {
        line.add(chunks.removeFirst());
      }
      return;
    }
    String word = chunks.removeFirst();
    int end = room;
    if (breakHyphens) {
      int hyphen = PyStr.substring(word, 0, room).lastIndexOf('-');
      if (hyphen > 0 && word.substring(0, hyphen).chars().anyMatch(c -> c != '-')) {
        end = PyStr.length(word.substring(0, hyphen)) + 1;
      }
    }
    line.add(PyStr.substring(word, 0, end));
    chunks.addFirst(PyStr.substring(word, end, PyStr.length(word)));
  }

  private static boolean isBlank(String chunk) {
    return PyStr.strip(chunk).isEmpty();
  }
}
