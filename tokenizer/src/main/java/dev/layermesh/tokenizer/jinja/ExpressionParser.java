package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.Node.And;
import dev.layermesh.tokenizer.jinja.Node.BinaryExpr;
import dev.layermesh.tokenizer.jinja.Node.Call;
import dev.layermesh.tokenizer.jinja.Node.CallArguments;
import dev.layermesh.tokenizer.jinja.Node.Compare;
import dev.layermesh.tokenizer.jinja.Node.Concat;
import dev.layermesh.tokenizer.jinja.Node.Conditional;
import dev.layermesh.tokenizer.jinja.Node.Const;
import dev.layermesh.tokenizer.jinja.Node.DictExpr;
import dev.layermesh.tokenizer.jinja.Node.Expr;
import dev.layermesh.tokenizer.jinja.Node.Filter;
import dev.layermesh.tokenizer.jinja.Node.GetAttribute;
import dev.layermesh.tokenizer.jinja.Node.GetItem;
import dev.layermesh.tokenizer.jinja.Node.ListExpr;
import dev.layermesh.tokenizer.jinja.Node.Name;
import dev.layermesh.tokenizer.jinja.Node.Named;
import dev.layermesh.tokenizer.jinja.Node.NamespaceTarget;
import dev.layermesh.tokenizer.jinja.Node.Operand;
import dev.layermesh.tokenizer.jinja.Node.Or;
import dev.layermesh.tokenizer.jinja.Node.Pair;
import dev.layermesh.tokenizer.jinja.Node.SliceExpr;
import dev.layermesh.tokenizer.jinja.Node.Test;
import dev.layermesh.tokenizer.jinja.Node.TupleExpr;
import dev.layermesh.tokenizer.jinja.Node.UnaryExpr;
import dev.layermesh.tokenizer.jinja.Token.Kind;
import dev.layermesh.tokenizer.jinja.python.JinjaException;
import dev.layermesh.tokenizer.jinja.python.Operators.Binary;
import dev.layermesh.tokenizer.jinja.python.Operators.Comparison;
import dev.layermesh.tokenizer.jinja.python.Operators.Unary;
import dev.layermesh.tokenizer.jinja.python.Value;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Parses expressions, one method for each level of precedence, loosest first: conditional, or, and, not, comparison,
 * sum, {@code ~}, product, power, sign, filters and tests, calls and subscripts.
 */
final class ExpressionParser {
  private static final Map<Kind, Comparison> COMPARISONS = Map.of(
      Kind.EQ, Comparison.EQUAL, Kind.NE, Comparison.NOT_EQUAL, Kind.GT, Comparison.GREATER,
      Kind.GTEQ, Comparison.GREATER_EQUAL, Kind.LT, Comparison.LESS, Kind.LTEQ, Comparison.LESS_EQUAL);
  private static final Map<Kind, Binary> SUMS = Map.of(Kind.ADD, Binary.ADD, Kind.SUB, Binary.SUBTRACT);
  private static final Map<Kind, Binary> PRODUCTS = Map.of(Kind.MUL, Binary.MULTIPLY, Kind.DIV, Binary.DIVIDE,
      Kind.FLOORDIV, Binary.FLOOR_DIVIDE, Kind.MOD, Binary.MODULO);
  private static final Map<Kind, Binary> POWERS = Map.of(Kind.POW, Binary.POWER);
  private static final List<Kind> ARGUMENT_STARTS = List.of(
      Kind.NAME, Kind.STRING, Kind.INTEGER, Kind.FLOAT, Kind.LPAREN, Kind.LBRACKET, Kind.LBRACE);

  private final Tokens tokens;

  ExpressionParser(Tokens tokens) {
    this.tokens = tokens;
  }

  Expr expression() {
    return nested(this::conditional);
  }

  private <T> T nested(Supplier<T> rule) {
    tokens.enter();
    T parsed = rule.get();
    tokens.leave();
    return parsed;
  }

  private Expr conditional() {
    Expr then = or();
    while (tokens.isName("if")) {
      int line = tokens.next().line();
      Expr test = or();
      Optional<Expr> otherwise = tokens.skipName("else") ? Optional.of(nested(this::conditional)) : Optional.empty();
      then = new Conditional(test, then, otherwise, line);
    }
    return then;
  }

  private Expr or() {
    Expr left = and();
    while (tokens.skipName("or")) {
      left = new Or(left, and());
    }
    return left;
  }

  private Expr and() {
    Expr left = not();
    while (tokens.skipName("and")) {
      left = new And(left, not());
    }
    return left;
  }

  private Expr not() {
    return tokens.skipName("not") ? new UnaryExpr(Unary.NOT, nested(this::not)) : comparison();
  }

  private Expr comparison() {
    Expr first = sum();
    var rest = new ArrayList<Operand>();
    for (Optional<Comparison> next = comparisonOperator(); next.isPresent(); next = comparisonOperator()) {
      rest.add(new Operand(next.get(), sum()));
    }
    return rest.isEmpty() ? first : new Compare(first, List.copyOf(rest));
  }

  private Optional<Comparison> comparisonOperator() {
    if (tokens.skipName("in")) {
      return Optional.of(Comparison.IN);
    }
    if (tokens.isName("not") && tokens.ahead().isName("in")) {
      tokens.next();
      tokens.next();
      return Optional.of(Comparison.NOT_IN);
    }
    return tokens.take(COMPARISONS);
  }

  private Expr sum() {
    return leftToRight(SUMS, this::concat);
  }

  private Expr product() {
    return leftToRight(PRODUCTS, this::power);
  }

  /** Powers associate to the left in Jinja2, other than in Python. */
  private Expr power() {
    return leftToRight(POWERS, () -> sign(true));
  }

  private Expr leftToRight(Map<Kind, Binary> operators, Supplier<Expr> operand) {
    Expr left = operand.get();
    for (Optional<Binary> next = tokens.take(operators); next.isPresent(); next = tokens.take(operators)) {
      left = new BinaryExpr(next.get(), left, operand.get());
    }
    return left;
  }

  private Expr concat() {
    var parts = new ArrayList<Expr>(List.of(product()));
    while (tokens.skip(Kind.TILDE)) {
      parts.add(product());
    }
    return parts.size() == 1 ? parts.getFirst() : new Concat(List.copyOf(parts));
  }

  private Expr sign(boolean withFilters) {
    Expr signed;
    if (tokens.skip(Kind.SUB)) {
      signed = new UnaryExpr(Unary.NEGATIVE, nested(() -> sign(false)));
    } else if (tokens.skip(Kind.ADD)) {
      signed = new UnaryExpr(Unary.POSITIVE, nested(() -> sign(false)));
    } else {
      signed = primary(false);
    }
    Expr whole = postfix(signed);
    return withFilters ? filtersAndTests(whole) : whole;
  }

  Expr primary(boolean namespaceTarget) {
    Token token = tokens.current();
    return switch (token.kind()) {
      case NAME -> name(namespaceTarget);
      case STRING -> strings();
      case INTEGER -> new Const(new Value.Int((BigInteger) tokens.next().value()));
      case FLOAT -> new Const(new Value.Float((double) tokens.next().value()));
      case LPAREN -> {
        tokens.next();
        Expr inside = nested(() -> tuple(true, true));
        tokens.expect(Kind.RPAREN);
        yield inside;
      }
      case LBRACKET -> nested(this::list);
      case LBRACE -> nested(this::dict);
      default -> throw tokens.wrong("unexpected '" + token.description() + "'");
    };
  }

  private Expr name(boolean namespaceTarget) {
    String name = tokens.next().text();
    return switch (name) {
      case "true", "True" -> new Const(Value.TRUE);
      case "false", "False" -> new Const(Value.FALSE);
      case "none", "None" -> new Const(Value.NONE);
      default -> namespaceTarget && tokens.skip(Kind.DOT)
          ? new NamespaceTarget(name, tokens.expect(Kind.NAME).text())
          : new Name(name);
    };
  }

  /** Adjacent strings are one. */
  private Expr strings() {
    var text = new StringBuilder();
    while (tokens.is(Kind.STRING)) {
      text.append(tokens.next().text());
    }
    return new Const(Value.of(text.toString()));
  }

  private Expr list() {
    tokens.expect(Kind.LBRACKET);
    var items = new ArrayList<Expr>();
    while (!tokens.is(Kind.RBRACKET)) {
      if (!items.isEmpty()) {
        tokens.expect(Kind.COMMA);
      }
      if (tokens.is(Kind.RBRACKET)) {
        break;
      }
      items.add(expression());
    }
    tokens.expect(Kind.RBRACKET);
    return new ListExpr(List.copyOf(items));
  }

  private Expr dict() {
    tokens.expect(Kind.LBRACE);
    var pairs = new ArrayList<Pair>();
    while (!tokens.is(Kind.RBRACE)) {
      if (!pairs.isEmpty()) {
        tokens.expect(Kind.COMMA);
      }
      if (tokens.is(Kind.RBRACE)) {
        break;
      }
      Expr key = expression();
      tokens.expect(Kind.COLON);
      pairs.add(new Pair(key, expression()));
    }
    tokens.expect(Kind.RBRACE);
    return new DictExpr(List.copyOf(pairs));
  }

  /**
   * One expression, or several with commas between them.
   *
   * @param conditional whether an {@code if} belongs to the expression
   * @param empty whether nothing at all is the empty tuple
   * @param ends names that end it
   */
  Expr tuple(boolean conditional, boolean empty, String... ends) {
    return tuple(conditional ? this::expression : () -> nested(this::or), empty, ends);
  }

  /** Names, and what else can be set, with commas between them. */
  Expr targets(boolean namespaces, String... ends) {
    return tuple(() -> primary(namespaces), false, ends);
  }

  private Expr tuple(Supplier<Expr> item, boolean empty, String... ends) {
    var items = new ArrayList<Expr>();
    boolean several = false;
    while (!endsTuple(ends)) {
      items.add(item.get());
      if (!tokens.skip(Kind.COMMA)) {
        break;
      }
      several = true;
    }
    if (!several && !items.isEmpty()) {
      return items.getFirst();
    }
    if (!several && !empty) {
      throw tokens.wrong("Expected an expression, got '" + tokens.current().description() + "'");
    }
    return new TupleExpr(List.copyOf(items));
  }

  private boolean endsTuple(String... ends) {
    return tokens.is(Kind.VARIABLE_END) || tokens.is(Kind.BLOCK_END) || tokens.is(Kind.RPAREN) || tokens.isName(ends);
  }

  private Expr postfix(Expr start) {
    Expr whole = start;
    while (true) {
      switch (tokens.current().kind()) {
        case DOT -> whole = attribute(whole);
        case LBRACKET -> whole = subscript(whole);
        case LPAREN -> whole = new Call(whole, arguments());
        default -> {
          return whole;
        }
      }
    }
  }

  private Expr filtersAndTests(Expr start) {
    Expr whole = start;
    while (true) {
      if (tokens.skip(Kind.PIPE)) {
        whole = filter(Optional.of(whole));
      } else if (tokens.isName("is")) {
        whole = test(whole);
      } else if (tokens.is(Kind.LPAREN)) {
        whole = new Call(whole, arguments());
      } else {
        return whole;
      }
    }
  }

  private Expr attribute(Expr object) {
    tokens.expect(Kind.DOT);
    Token token = tokens.next();
    return switch (token.kind()) {
      case NAME -> new GetAttribute(object, token.text());
      case INTEGER -> new GetItem(object, new Const(new Value.Int((BigInteger) token.value())));
      default -> throw tokens.wrong("expected name or number");
    };
  }

  private Expr subscript(Expr object) {
    tokens.expect(Kind.LBRACKET);
    var indexes = new ArrayList<Expr>();
    while (!tokens.is(Kind.RBRACKET)) {
      if (!indexes.isEmpty()) {
        tokens.expect(Kind.COMMA);
      }
      indexes.add(nested(this::index));
    }
    tokens.expect(Kind.RBRACKET);
    return new GetItem(object, indexes.size() == 1 ? indexes.getFirst() : new TupleExpr(List.copyOf(indexes)));
  }

  private Expr index() {
    Optional<Expr> start = Optional.empty();
    if (!tokens.is(Kind.COLON)) {
      Expr single = expression();
      if (!tokens.is(Kind.COLON)) {
        return single;
      }
      start = Optional.of(single);
    }
    tokens.expect(Kind.COLON);
    Optional<Expr> stop = tokens.is(Kind.COLON) ? Optional.empty() : bound();
    Optional<Expr> step = tokens.skip(Kind.COLON) ? bound() : Optional.empty();
    return new SliceExpr(start, stop, step);
  }

  private Optional<Expr> bound() {
    return tokens.is(Kind.RBRACKET) || tokens.is(Kind.COMMA) ? Optional.empty() : Optional.of(expression());
  }

  CallArguments arguments() {
    tokens.expect(Kind.LPAREN);
    var positional = new ArrayList<Expr>();
    var named = new ArrayList<Named>();
    Optional<Expr> rest = Optional.empty();
    Optional<Expr> namedRest = Optional.empty();
    while (!tokens.is(Kind.RPAREN)) {
      if (tokens.skip(Kind.MUL)) {
        require(rest.isEmpty() && namedRest.isEmpty());
        rest = Optional.of(expression());
      } else if (tokens.skip(Kind.POW)) {
        require(namedRest.isEmpty());
        namedRest = Optional.of(expression());
      } else if (tokens.is(Kind.NAME) && tokens.ahead().is(Kind.ASSIGN)) {
        require(namedRest.isEmpty());
        named.add(named(named));
      } else {
        require(rest.isEmpty() && namedRest.isEmpty() && named.isEmpty());
        positional.add(expression());
      }
      if (!tokens.is(Kind.RPAREN)) {
        tokens.expect(Kind.COMMA);
      }
    }
    tokens.expect(Kind.RPAREN);
    return new CallArguments(List.copyOf(positional), List.copyOf(named), rest, namedRest);
  }

  private Named named(List<Named> before) {
    String name = tokens.next().text();
    tokens.expect(Kind.ASSIGN);
    if (before.stream().anyMatch(other -> other.name().equals(name))) {
      throw new JinjaException("SyntaxError", "keyword argument repeated: " + name);
    }
    return new Named(name, expression());
  }

  private void require(boolean valid) {
    if (!valid) {
      throw tokens.wrong("invalid syntax for function call expression");
    }
  }

  /** A filter behind its bar, and in a filter block those behind it. */
  Filter filter(Optional<Expr> input) {
    Token token = tokens.current();
    String name = dotted();
    CallArguments arguments = tokens.is(Kind.LPAREN) ? arguments() : CallArguments.NONE;
    return new Filter(input, name, arguments, token.line());
  }

  /** The filters of a filter block or of {@code set}: the first has no input. */
  Filter filters() {
    Filter whole = filter(Optional.empty());
    while (tokens.skip(Kind.PIPE)) {
      whole = filter(Optional.of(whole));
    }
    return whole;
  }

  private String dotted() {
    var name = new StringBuilder(tokens.expect(Kind.NAME).text());
    while (tokens.skip(Kind.DOT)) {
      name.append('.').append(tokens.expect(Kind.NAME).text());
    }
    return name.toString();
  }

  private Expr test(Expr input) {
    int line = tokens.next().line();
    boolean negated = tokens.skipName("not");
    String name = dotted();
    CallArguments arguments = CallArguments.NONE;
    if (tokens.is(Kind.LPAREN)) {
      arguments = arguments();
    } else if (ARGUMENT_STARTS.contains(tokens.current().kind()) && !tokens.isName("else", "or", "and")) {
      if (tokens.isName("is")) {
        throw tokens.wrong("You cannot chain multiple tests with is");
      }
      Expr argument = postfix(primary(false));
      arguments = new CallArguments(List.of(argument), List.of(), Optional.empty(), Optional.empty());
    }
    Expr test = new Test(input, name, arguments, line);
    return negated ? new UnaryExpr(Unary.NOT, test) : test;
  }
}
