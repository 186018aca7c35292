package dev.layermesh.tokenizer.jinja.python;

/**
 * A template cannot be parsed or rendered. Its kind is the name of the exception that Jinja2 or Python raises there,
 * such as {@code TypeError}.
 */
public final class JinjaException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** Kind of the exception that a template raises with {@code raise_exception}. */
  public static final String RAISED = "TemplateError";

  private static final String LIMIT = "LimitError";

  private final String kind;

  public JinjaException(String kind, String message) {
    super(message, null, false, false);
    this.kind = kind;
  }

  /** The name of the exception that Jinja2 or Python raises there. */
  public String kind() {
    return kind;
  }

  /** Whether the template itself called {@code raise_exception}: it refuses what it was given. */
  public boolean raisedByTemplate() {
    return kind.equals(RAISED);
  }

  /** Whether the template asked for more than {@link Limits} allow. */
  public boolean isLimit() {
    return kind.equals(LIMIT);
  }

  public static JinjaException syntax(String message, int line) {
    return new JinjaException("TemplateSyntaxError", message + " (line " + line + ")");
  }

  public static JinjaException type(String message) {
    return new JinjaException("TypeError", message);
  }

  public static JinjaException value(String message) {
    return new JinjaException("ValueError", message);
  }

  public static JinjaException overflow(String message) {
    return new JinjaException("OverflowError", message);
  }

  /** The template asked for more than {@link Limits} allow; Jinja2 has no such exception. */
  public static JinjaException limit(String message) {
    return new JinjaException(LIMIT, message);
  }
}
