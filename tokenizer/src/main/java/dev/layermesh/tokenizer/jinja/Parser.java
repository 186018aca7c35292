package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.Node.Assign;
import dev.layermesh.tokenizer.jinja.Node.AssignBlock;
import dev.layermesh.tokenizer.jinja.Node.Autoescape;
import dev.layermesh.tokenizer.jinja.Node.Block;
import dev.layermesh.tokenizer.jinja.Node.Branch;
import dev.layermesh.tokenizer.jinja.Node.Break;
import dev.layermesh.tokenizer.jinja.Node.Call;
import dev.layermesh.tokenizer.jinja.Node.CallBlock;
import dev.layermesh.tokenizer.jinja.Node.Continue;
import dev.layermesh.tokenizer.jinja.Node.Data;
import dev.layermesh.tokenizer.jinja.Node.Expr;
import dev.layermesh.tokenizer.jinja.Node.Filter;
import dev.layermesh.tokenizer.jinja.Node.FilterBlock;
import dev.layermesh.tokenizer.jinja.Node.For;
import dev.layermesh.tokenizer.jinja.Node.Generation;
import dev.layermesh.tokenizer.jinja.Node.If;
import dev.layermesh.tokenizer.jinja.Node.MacroDefinition;
import dev.layermesh.tokenizer.jinja.Node.Name;
import dev.layermesh.tokenizer.jinja.Node.NamespaceTarget;
import dev.layermesh.tokenizer.jinja.Node.NeedsLoader;
import dev.layermesh.tokenizer.jinja.Node.Print;
import dev.layermesh.tokenizer.jinja.Node.Routine;
import dev.layermesh.tokenizer.jinja.Node.Specials;
import dev.layermesh.tokenizer.jinja.Node.Stmt;
import dev.layermesh.tokenizer.jinja.Node.TupleExpr;
import dev.layermesh.tokenizer.jinja.Node.With;
import dev.layermesh.tokenizer.jinja.Token.Kind;
import dev.layermesh.tokenizer.jinja.python.JinjaException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Parses statements: text, prints and tags. */
final class Parser {
  private static final Set<String> SPECIALS = Set.of("caller", "kwargs", "varargs");

  private final Tokens tokens;
  private final ExpressionParser expressions;
  private final Set<String> blocks = new HashSet<>();
  private boolean inLoop;

  private Parser(List<Token> tokens) {
    this.tokens = new Tokens(tokens);
    this.expressions = new ExpressionParser(this.tokens);
  }

  /** The statements of a template, up to its end. */
  static List<Stmt> parse(String template) {
    return new Parser(Lexer.tokens(template)).statements();
  }

  /** Statements up to a tag with one of the names, whose name is the current token then, or to the end. */
  private List<Stmt> statements(String... ends) {
    tokens.enter();
    var body = new ArrayList<Stmt>();
    while (!tokens.is(Kind.EOF)) {
      switch (tokens.current().kind()) {
        case DATA -> body.add(new Data(tokens.next().text()));
        case VARIABLE_BEGIN -> {
          tokens.next();
          body.add(new Print(List.of(expressions.tuple(true, false))));
          tokens.expect(Kind.VARIABLE_END);
        }
        default -> {
          tokens.expect(Kind.BLOCK_BEGIN);
          if (tokens.isName(ends)) {
            tokens.leave();
            return List.copyOf(body);
          }
          body.add(statement());
          tokens.expect(Kind.BLOCK_END);
        }
      }
    }
    if (ends.length > 0) {
      throw tokens.wrong("Unexpected end of template; looking for '" + String.join("' or '", ends) + "'");
    }
    tokens.leave();
    return List.copyOf(body);
  }

  /** The body of a tag that has begun, to one of the end tags; the name of that is the current token then. */
  private List<Stmt> body(String... ends) {
    tokens.skip(Kind.COLON);
    tokens.expect(Kind.BLOCK_END);
    return statements(ends);
  }

  private List<Stmt> bodyTo(String end) {
    List<Stmt> body = body(end);
    tokens.next();
    return body;
  }

  private Stmt statement() {
    if (!tokens.is(Kind.NAME)) {
      throw tokens.wrong("tag name expected");
    }
    String tag = tokens.next().text();
    return switch (tag) {
      case "for" -> loop();
      case "if" -> choice();
      case "set" -> set();
      case "macro" -> macro();
      case "call" -> call();
      case "filter" -> new FilterBlock(expressions.filters(), bodyTo("endfilter"), new Scope());
      case "with" -> with();
      case "print" -> print();
      case "break" -> inLoop(new Break());
      case "continue" -> inLoop(new Continue());
      case "generation" -> new Generation(outsideLoop("endgeneration"), new Scope());
      case "autoescape" -> new Autoescape(expressions.expression(), bodyTo("endautoescape"), new Scope());
      case "block" -> block();
      case "extends", "include", "import", "from" -> loader();
      default -> throw tokens.wrong("Encountered unknown tag '" + tag + "'.");
    };
  }

  private Stmt inLoop(Stmt statement) {
    if (!inLoop) {
      throw new JinjaException("SyntaxError", "break or continue outside loop (line " + tokens.current().line() + ")");
    }
    return statement;
  }

  /** A body that runs as a function of its own: it cannot leave a loop around it. */
  private List<Stmt> outsideLoop(String end) {
    boolean before = inLoop;
    inLoop = false;
    List<Stmt> body = bodyTo(end);
    inLoop = before;
    return body;
  }

  private Stmt loop() {
    Expr target = assignable(expressions.targets(false, "in"));
    tokens.expectName("in");
    Expr items = expressions.tuple(false, false, "recursive");
    Optional<Expr> test = tokens.skipName("if") ? Optional.of(expressions.expression()) : Optional.empty();
    boolean recursive = tokens.skipName("recursive");
    boolean before = inLoop;
    inLoop = true;
    List<Stmt> body = body("endfor", "else");
    inLoop = before && !recursive;
    List<Stmt> otherwise = tokens.next().isName("else") ? bodyTo("endfor") : List.of();
    inLoop = before;
    return new For(target, items, test, body, otherwise, recursive, new Scope(), new Scope(), new Scope());
  }

  private Stmt choice() {
    var branches = new ArrayList<Branch>();
    Token end;
    do {
      Expr test = expressions.tuple(false, false);
      branches.add(new Branch(test, body("elif", "else", "endif")));
      end = tokens.next();
    } while (end.isName("elif"));
    return new If(List.copyOf(branches), end.isName("else") ? bodyTo("endif") : List.of());
  }

  private Stmt set() {
    Expr target = assignable(expressions.targets(true));
    if (tokens.skip(Kind.ASSIGN)) {
      return new Assign(target, expressions.tuple(true, false));
    }
    Optional<Filter> filter =
        tokens.skip(Kind.PIPE) ? Optional.of(expressions.filters()) : Optional.empty();
    return new AssignBlock(target, filter, bodyTo("endset"), new Scope());
  }

  private Expr assignable(Expr target) {
    boolean valid = switch (target) {
      case Name name -> true;
      case NamespaceTarget namespace -> true;
      case TupleExpr tuple -> {
        tuple.items().forEach(this::assignable);
        yield true;
      }
      default -> false;
    };
    if (!valid) {
      throw tokens.wrong("can't assign to '" + target.getClass().getSimpleName().toLowerCase() + "'");
    }
    return target;
  }

  private Stmt macro() {
    String name = tokens.expect(Kind.NAME).text();
    assignable(name);
    var defaults = new ArrayList<Expr>();
    List<String> parameters = parameters(defaults);
    return new MacroDefinition(name, routine(parameters, defaults, "endmacro"));
  }

  private Stmt call() {
    var defaults = new ArrayList<Expr>();
    List<String> parameters = tokens.is(Kind.LPAREN) ? parameters(defaults) : List.of();
    if (!(expressions.expression() instanceof Call call)) {
      throw tokens.wrong("expected call");
    }
    return new CallBlock(call, routine(parameters, defaults, "endcall"));
  }

  private List<String> parameters(List<Expr> defaults) {
    tokens.expect(Kind.LPAREN);
    var parameters = new ArrayList<String>();
    while (!tokens.is(Kind.RPAREN)) {
      if (!parameters.isEmpty()) {
        tokens.expect(Kind.COMMA);
      }
      String name = tokens.expect(Kind.NAME).text();
      assignable(name);
      parameters.add(name);
      if (tokens.skip(Kind.ASSIGN)) {
        defaults.add(expressions.expression());
      } else if (!defaults.isEmpty()) {
        throw tokens.wrong("non-default argument follows default argument");
      }
    }
    tokens.expect(Kind.RPAREN);
    return List.copyOf(parameters);
  }

  private void assignable(String name) {
    if (Set.of("true", "false", "none", "True", "False", "None").contains(name)) {
      throw tokens.wrong("can't assign to 'name'");
    }
  }

  private Routine routine(List<String> parameters, List<Expr> defaults, String end) {
    List<Stmt> body = outsideLoop(end);
    Set<String> read = ScopeAnalysis.undeclared(body, SPECIALS);
    int caller = parameters.indexOf("caller");
    if (read.contains("caller") && caller >= 0 && caller < parameters.size() - defaults.size()) {
      throw new JinjaException("TemplateAssertionError", "When defining macros or call blocks the special \"caller\""
          + " argument must be omitted or be given a default.");
    }
    var specials = new Specials(read.contains("caller") && caller < 0,
        read.contains("kwargs") && !parameters.contains("kwargs"),
        read.contains("varargs") && !parameters.contains("varargs"));
    return new Routine(parameters, List.copyOf(defaults), body, new Scope(), specials);
  }

  private Stmt with() {
    var targets = new ArrayList<Expr>();
    var values = new ArrayList<Expr>();
    while (!tokens.is(Kind.BLOCK_END)) {
      if (!targets.isEmpty()) {
        tokens.expect(Kind.COMMA);
      }
      targets.add(assignable(expressions.targets(false)));
      tokens.expect(Kind.ASSIGN);
      values.add(expressions.expression());
    }
    return new With(List.copyOf(targets), List.copyOf(values), bodyTo("endwith"), new Scope());
  }

  private Stmt print() {
    var values = new ArrayList<Expr>();
    while (!tokens.is(Kind.BLOCK_END)) {
      if (!values.isEmpty()) {
        tokens.expect(Kind.COMMA);
      }
      values.add(expressions.expression());
    }
    return new Print(List.copyOf(values));
  }

  private Stmt block() {
    String name = tokens.expect(Kind.NAME).text();
    if (!blocks.add(name)) {
      throw new JinjaException("TemplateAssertionError", "block '" + name + "' defined twice");
    }
    tokens.skipName("scoped");
    boolean required = tokens.skipName("required");
    List<Stmt> body = outsideLoop("endblock");
    tokens.skipName(name);
    return new Block(name, required, body, new Scope());
  }

  private Stmt loader() {
    while (!tokens.is(Kind.BLOCK_END) && !tokens.is(Kind.EOF)) {
      tokens.next();
    }
    return new NeedsLoader();
  }
}
