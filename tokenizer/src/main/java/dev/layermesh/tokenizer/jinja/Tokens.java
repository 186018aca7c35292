package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.Token.Kind;
import dev.layermesh.tokenizer.jinja.python.JinjaException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The parser's position in the tokens of a template. */
final class Tokens {
  private static final int MAX_DEPTH = 200;

  private final List<Token> tokens;
  private int position;
  private int depth;

  Tokens(List<Token> tokens) {
    this.tokens = tokens;
  }

  Token current() {
    return tokens.get(position);
  }

  Token ahead() {
    return tokens.get(Math.min(position + 1, tokens.size() - 1));
  }

  Token next() {
    Token token = current();
    position = Math.min(position + 1, tokens.size() - 1);
    return token;
  }

  boolean is(Kind kind) {
    return current().is(kind);
  }

  boolean isName(String... names) {
    for (String name : names) {
      if (current().isName(name)) {
        return true;
      }
    }
    return false;
  }

  boolean skip(Kind kind) {
    boolean there = is(kind);
    if (there) {
      next();
    }
    return there;
  }

  boolean skipName(String name) {
    boolean there = isName(name);
    if (there) {
      next();
    }
    return there;
  }

  Token expect(Kind kind) {
    if (!is(kind)) {
      throw wrong("expected token '" + kind.description + "', got '" + current().description() + "'");
    }
    return next();
  }

  void expectName(String name) {
    if (!skipName(name)) {
      throw wrong("expected token '" + name + "', got '" + current().description() + "'");
    }
  }

  JinjaException wrong(String message) {
    return JinjaException.syntax(message, current().line());
  }

  /** Counts how deep rules of the grammar nest, so that no template exhausts the stack. */
  void enter() {
    if (++depth > MAX_DEPTH) {
      throw wrong("nested too deeply");
    }
  }

  void leave() {
    depth--;
  }

  /** The operator of a table that the current token names, consumed. */
  <T> Optional<T> take(Map<Kind, T> table) {
    Optional<T> found = Optional.ofNullable(table.get(current().kind()));
    found.ifPresent(operator -> next());
    return found;
  }
}
