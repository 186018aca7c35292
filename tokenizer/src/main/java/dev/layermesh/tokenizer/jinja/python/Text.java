package dev.layermesh.tokenizer.jinja.python;

import dev.layermesh.tokenizer.jinja.python.Value.Bool;
import dev.layermesh.tokenizer.jinja.python.Value.Bytes;
import dev.layermesh.tokenizer.jinja.python.Value.Callable;
import dev.layermesh.tokenizer.jinja.python.Value.Cycler;
import dev.layermesh.tokenizer.jinja.python.Value.Dict;
import dev.layermesh.tokenizer.jinja.python.Value.DictView;
import dev.layermesh.tokenizer.jinja.python.Value.Int;
import dev.layermesh.tokenizer.jinja.python.Value.Iter;
import dev.layermesh.tokenizer.jinja.python.Value.Namespace;
import dev.layermesh.tokenizer.jinja.python.Value.None;
import dev.layermesh.tokenizer.jinja.python.Value.PyList;
import dev.layermesh.tokenizer.jinja.python.Value.Range;
import dev.layermesh.tokenizer.jinja.python.Value.Slice;
import dev.layermesh.tokenizer.jinja.python.Value.Str;
import dev.layermesh.tokenizer.jinja.python.Value.Tuple;
import dev.layermesh.tokenizer.jinja.python.Value.Undefined;
import java.math.BigInteger;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;

/** Python's {@code str()} and {@code repr()}. */
public final class Text {
  private final Budget budget;
  private final StringBuilder text = new StringBuilder();

  private Text(Budget budget) {
    this.budget = budget;
  }

  /** What printing a value gives. */
  public static String str(Value value, Budget budget) {
    return switch (value) {
      case Str text -> text.text();
      case Undefined undefined -> "";
      default -> repr(value, budget);
    };
  }

  public static String repr(Value value, Budget budget) {
    var writer = new Text(budget);
    writer.write(value);
    return writer.text.toString();
  }

  private void write(Value value) {
    budget.enter();
    int before = text.length();
    if (value instanceof Str string) {
      budget.text(string.text().length()); // before it grows by its escapes
    }
    switch (value) {
      case None none -> text.append("None");
      case Bool bool -> text.append(bool.value() ? "True" : "False");
      case Int integer -> text.append(Numbers.text(integer.value()));
      case Value.Float number -> text.append(Numbers.text(number.value()));
      case Str string -> text.append(string.safe() ? "Markup(" + repr(string.text()) + ")" : repr(string.text()));
      case Bytes bytes -> text.append(repr(bytes.content()));
      case PyList list -> list("[", list.items().iterator(), "]");
      case Tuple tuple -> list("(", tuple.items().iterator(), tuple.items().size() == 1 ? ",)" : ")");
      case Dict dict -> dict(dict);
      case DictView view -> list(view.typeName() + "([",
          view.dict().entries().values().stream().map(view::item).iterator(), "])");
      case Range range -> text.append("range(" + range.start() + ", " + range.stop()
          + (range.step().equals(BigInteger.ONE) ? "" : ", " + range.step()) + ")");
      case Slice slice -> list("slice(", List.of(slice.start(), slice.stop(), slice.step()).iterator(), ")");
      case Undefined undefined -> text.append("Undefined");
      case Namespace namespace -> {
        text.append("<Namespace ");
        dict(namespace.attributes());
        text.append('>');
      }
      case Callable callable -> text.append(callable.spelling());
      case Iter iter -> text.append("<" + iter.typeName() + " object>");
      case Cycler cycler -> text.append("<jinja2.utils.Cycler object>");
    }
    budget.text(text.length() - before);
    budget.leave();
  }

  private void list(String open, Iterator<Value> items, String close) {
    text.append(open);
    while (items.hasNext()) {
      write(items.next());
      text.append(items.hasNext() ? ", " : "");
    }
    text.append(close);
  }

  private void dict(Dict dict) {
    text.append('{');
    String separator = "";
    for (Dict.Entry entry : dict.entries().values()) {
      text.append(separator);
      write(entry.key());
      text.append(": ");
      write(entry.value());
      separator = ", ";
    }
    text.append('}');
  }

  /** A text in the quotes and escapes of Python's {@code repr}. */
  public static String repr(String raw) {
    char quote = raw.indexOf('\'') >= 0 && raw.indexOf('"') < 0 ? '"' : '\'';
    var text = new StringBuilder().append(quote);
    raw.codePoints().forEach(point -> {
      switch (point) {
        case '\\' -> text.append("\\\\");
        case '\n' -> text.append("\\n");
        case '\r' -> text.append("\\r");
        case '\t' -> text.append("\\t");
        default -> {
          if (point == quote) {
            text.append('\\').appendCodePoint(point);
          } else if (PyStr.isPrintable(point)) {
            text.appendCodePoint(point);
          } else {
            text.append(escape(point));
          }
        }
      }
    });
    return text.append(quote).toString();
  }

  private static String repr(byte[] content) {
    var characters = new StringBuilder();
    for (byte each : content) {
      characters.append((char) (each & 0xff));
    }
    return "b" + ascii(repr(characters.toString()));
  }

  /** A text with what is not ASCII escaped. */
  public static String ascii(String text) {
    var ascii = new StringBuilder();
    text.codePoints().forEach(point -> ascii.append(point < 0x80 ? PyStr.character(point) : escape(point)));
    return ascii.toString();
  }

  /** A character as the shortest of Python's hexadecimal escapes. */
  public static String escape(int point) {
    HexFormat hex = HexFormat.of();
    return point < 0x100 ? "\\x" + hex.toHexDigits((byte) point)
        : point < 0x10000 ? "\\u" + hex.toHexDigits((char) point) : "\\U" + hex.toHexDigits(point);
  }

  /** HTML with its five special characters escaped, as markupsafe does. */
  public static String escape(String raw) {
    return raw.replace("&", "&amp;").replace(">", "&gt;").replace("<", "&lt;").replace("'", "&#39;")
        .replace("\"", "&#34;");
  }

  /** A value as Markup: escaped unless it is Markup already. */
  public static Str escape(Value value, Budget budget) {
    if (value instanceof Str text && text.safe()) {
      return text;
    }
    String escaped = escape(str(value, budget));
    budget.text(escaped.length());
    return new Str(escaped, true);
  }
}
