package dev.layermesh.decoding;

import java.util.Objects;
import java.util.regex.Pattern;

/**
 * A file, an option or a request field of a user is wrong. The message is one line that names source, field and value
 * and says what would be right. The operation has not started.
 */
public final class InputException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  private static final Pattern CONTROL = Pattern.compile("[\\p{Cc}\\p{Zl}\\p{Zp}]+"); // values may hold line breaks

  private final String field;

  private InputException(String message, String field) {
    super(CONTROL.matcher(message).replaceAll(" "));
    this.field = field;
  }

  /** A wrong value of a named field: {@code field=value: problem}. */
  public static InputException of(String field, Object value, String problem) {
    Objects.requireNonNull(field, "field");
    return new InputException(field + "=" + value + ": " + problem, field);
  }

  /** A wrong value of a field inside a file or another named source: {@code source: field=value: problem}. */
  public static InputException in(Object source, String field, Object value, String problem) {
    return new InputException(source + ": " + field + "=" + value + ": " + problem, field);
  }

  /** A source that is wrong as a whole: {@code source: problem}. */
  public static InputException in(Object source, String problem) {
    return new InputException(source + ": " + problem, "");
  }

  /** The same mistake, found in a file or another named source: {@code source: message}. */
  public InputException foundIn(Object source) {
    return new InputException(source + ": " + getMessage(), field);
  }

  /** The field at fault, or the empty string when the source is wrong as a whole. */
  public String field() {
    return field;
  }
}
