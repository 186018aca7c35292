package dev.layermesh.tokenizer.jinja;

import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/**
 * A token of a template.
 *
 * @param value the text of data and names, the value of constants, the spelling of operators
 */
record Token(Kind kind, Object value, int line) {
  enum Kind {
    DATA("template data"), VARIABLE_BEGIN("begin of print statement"), VARIABLE_END("end of print statement"),
    BLOCK_BEGIN("begin of statement block"), BLOCK_END("end of statement block"), NAME("name"), STRING("string"),
    INTEGER("integer"), FLOAT("float"), EOF("end of template"), ADD("+"), SUB("-"), DIV("/"), FLOORDIV("//"), MUL("*"),
    MOD("%"), POW("**"), TILDE("~"), LBRACKET("["), RBRACKET("]"), LPAREN("("), RPAREN(")"), LBRACE("{"), RBRACE("}"),
    EQ("=="), NE("!="), GT(">"), GTEQ(">="), LT("<"), LTEQ("<="), ASSIGN("="), DOT("."), COLON(":"), PIPE("|"),
    COMMA(","), SEMICOLON(";");

    final String description;

    Kind(String description) {
      this.description = description;
    }
  }

  /** The operators by their spelling. */
  static final Map<String, Kind> OPERATORS = operators();

  private static Map<String, Kind> operators() {
    var operators = new HashMap<String, Kind>();
    for (Kind kind : Kind.values()) {
      if (kind.compareTo(Kind.ADD) >= 0) {
        operators.put(kind.description, kind);
      }
    }
    return Map.copyOf(operators);
  }

  boolean is(Kind other) {
    return kind == other;
  }

  /** Whether this is the given name. */
  boolean isName(String name) {
    return kind == Kind.NAME && Objects.equals(value, name);
  }

  /** The text of a name or of data. */
  String text() {
    return (String) value;
  }

  /** How messages call this token. */
  String description() {
    return kind == Kind.NAME ? text() : kind.description;
  }
}
