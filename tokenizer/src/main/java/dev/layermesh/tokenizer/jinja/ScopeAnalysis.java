package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.Node.And;
import dev.layermesh.tokenizer.jinja.Node.Assign;
import dev.layermesh.tokenizer.jinja.Node.AssignBlock;
import dev.layermesh.tokenizer.jinja.Node.Autoescape;
import dev.layermesh.tokenizer.jinja.Node.BinaryExpr;
import dev.layermesh.tokenizer.jinja.Node.Block;
import dev.layermesh.tokenizer.jinja.Node.Break;
import dev.layermesh.tokenizer.jinja.Node.Call;
import dev.layermesh.tokenizer.jinja.Node.CallArguments;
import dev.layermesh.tokenizer.jinja.Node.CallBlock;
import dev.layermesh.tokenizer.jinja.Node.Compare;
import dev.layermesh.tokenizer.jinja.Node.Concat;
import dev.layermesh.tokenizer.jinja.Node.Conditional;
import dev.layermesh.tokenizer.jinja.Node.Const;
import dev.layermesh.tokenizer.jinja.Node.Continue;
import dev.layermesh.tokenizer.jinja.Node.Data;
import dev.layermesh.tokenizer.jinja.Node.DictExpr;
import dev.layermesh.tokenizer.jinja.Node.Expr;
import dev.layermesh.tokenizer.jinja.Node.Filter;
import dev.layermesh.tokenizer.jinja.Node.FilterBlock;
import dev.layermesh.tokenizer.jinja.Node.For;
import dev.layermesh.tokenizer.jinja.Node.Generation;
import dev.layermesh.tokenizer.jinja.Node.GetAttribute;
import dev.layermesh.tokenizer.jinja.Node.GetItem;
import dev.layermesh.tokenizer.jinja.Node.If;
import dev.layermesh.tokenizer.jinja.Node.ListExpr;
import dev.layermesh.tokenizer.jinja.Node.MacroDefinition;
import dev.layermesh.tokenizer.jinja.Node.Name;
import dev.layermesh.tokenizer.jinja.Node.NamespaceTarget;
import dev.layermesh.tokenizer.jinja.Node.NeedsLoader;
import dev.layermesh.tokenizer.jinja.Node.Or;
import dev.layermesh.tokenizer.jinja.Node.Print;
import dev.layermesh.tokenizer.jinja.Node.Routine;
import dev.layermesh.tokenizer.jinja.Node.SliceExpr;
import dev.layermesh.tokenizer.jinja.Node.Stmt;
import dev.layermesh.tokenizer.jinja.Node.Test;
import dev.layermesh.tokenizer.jinja.Node.TupleExpr;
import dev.layermesh.tokenizer.jinja.Node.UnaryExpr;
import dev.layermesh.tokenizer.jinja.Node.With;
import dev.layermesh.tokenizer.jinja.python.JinjaException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Decides at parse time which variables each part of a template has. Jinja2 does so as well, and it shows: a variable
 * set anywhere in a loop is the loop's own from its first line on. Refuses unknown filters and tests outside of
 * conditions.
 */
final class ScopeAnalysis {
  private final Scope scope;
  private final boolean conditional;

  private ScopeAnalysis(Scope scope, boolean conditional) {
    this.scope = scope;
    this.conditional = conditional;
  }

  /** Fills the scope of a template and those of all its parts. */
  static void template(List<Stmt> body, Scope root) {
    new ScopeAnalysis(root, false).all(body);
    parts(body, root);
  }

  // Names that one scope reads and sets.

  private void all(List<? extends Node> nodes) {
    nodes.forEach(this::visit);
  }

  private void visit(Node node) {
    switch (node) {
      case Expr expr -> expression(expr);
      case Data data -> {}
      case Print print -> all(print.values());
      case If choice -> choice(choice);
      case For loop -> expression(loop.items());
      case Assign assign -> {
        expression(assign.value());
        target(assign.target());
      }
      case AssignBlock assign -> target(assign.target());
      case MacroDefinition macro -> scope.store(macro.name());
      case CallBlock call -> expression(call.call());
      case FilterBlock filter -> expression(filter.filter());
      case With with -> all(with.values());
      case Autoescape escape -> expression(escape.on());
      case Break leave -> {}
      case Continue next -> {}
      case Generation generation -> {}
      case Block block -> {}
      case NeedsLoader loader -> {}
    }
  }

  /** Each branch is analysed by itself; all {@code elif} branches together count as one, and so does {@code else}. */
  private void choice(If choice) {
    var inside = new ScopeAnalysis(scope, true);
    inside.expression(choice.branches().getFirst().test());
    Scope then = scope.branch();
    new ScopeAnalysis(then, true).all(choice.branches().getFirst().body());
    Scope others = scope.branch();
    choice.branches().stream().skip(1)
        .forEach(branch -> new ScopeAnalysis(others, true).choice(new If(List.of(branch), List.of())));
    Scope otherwise = scope.branch();
    new ScopeAnalysis(otherwise, true).all(choice.otherwise());
    scope.join(List.of(then, others, otherwise), 3);
  }

  private void target(Expr target) {
    switch (target) {
      case Name name -> scope.store(name.name());
      case NamespaceTarget namespace -> scope.load(namespace.name());
      case TupleExpr tuple -> tuple.items().forEach(this::target);
      default -> throw new IllegalStateException("no target: " + target);
    }
  }

  private void parameters(Expr target) {
    switch (target) {
      case Name name -> scope.declare(name.name());
      case TupleExpr tuple -> tuple.items().forEach(this::parameters);
      default -> throw new IllegalStateException("no loop variable: " + target);
    }
  }

  private void expression(Expr expr) {
    switch (expr) {
      case Name name -> scope.load(name.name());
      case NamespaceTarget namespace -> scope.load(namespace.name());
      case Filter filter -> {
        requireKnown(Filters.exists(filter.name()), "filter", filter.name(), filter.line());
        children(filter);
      }
      case Test test -> {
        requireKnown(Tests.exists(test.name()), "test", test.name(), test.line());
        children(test);
      }
      case Conditional choice -> new ScopeAnalysis(scope, true).children(choice);
      default -> children(expr);
    }
  }

  private void requireKnown(boolean known, String what, String name, int line) {
    if (!known && !conditional) {
      throw new JinjaException("TemplateAssertionError", "No " + what + " named '" + name + "'. (line " + line + ")");
    }
  }

  private void children(Expr expr) {
    children(expr, new ArrayList<>()).forEach(this::expression);
  }

  /** The expressions directly within one. */
  private static List<Expr> children(Expr expr, List<Expr> found) {
    switch (expr) {
      case Const constant -> {}
      case Name name -> {}
      case NamespaceTarget namespace -> {}
      case TupleExpr tuple -> found.addAll(tuple.items());
      case ListExpr list -> found.addAll(list.items());
      case DictExpr dict -> dict.pairs().forEach(pair -> found.addAll(List.of(pair.key(), pair.value())));
      case SliceExpr slice -> {
        slice.start().ifPresent(found::add);
        slice.stop().ifPresent(found::add);
        slice.step().ifPresent(found::add);
      }
      case GetAttribute get -> found.add(get.object());
      case GetItem get -> found.addAll(List.of(get.object(), get.index()));
      case Call call -> {
        found.add(call.callee());
        children(call.arguments(), found);
      }
      case Filter filter -> {
        filter.input().ifPresent(found::add);
        children(filter.arguments(), found);
      }
      case Test test -> {
        found.add(test.input());
        children(test.arguments(), found);
      }
      case UnaryExpr unary -> found.add(unary.operand());
      case BinaryExpr binary -> found.addAll(List.of(binary.left(), binary.right()));
      case And and -> found.addAll(List.of(and.left(), and.right()));
      case Or or -> found.addAll(List.of(or.left(), or.right()));
      case Concat concat -> found.addAll(concat.parts());
      case Compare compare -> {
        found.add(compare.first());
        compare.rest().forEach(operand -> found.add(operand.value()));
      }
      case Conditional choice -> {
        found.addAll(List.of(choice.test(), choice.then()));
        choice.otherwise().ifPresent(found::add);
      }
    }
    return found;
  }

  private static void children(CallArguments arguments, List<Expr> found) {
    found.addAll(arguments.positional());
    arguments.named().forEach(named -> found.add(named.value()));
    arguments.rest().ifPresent(found::add);
    arguments.namedRest().ifPresent(found::add);
  }

  // The parts with scopes of their own, once the scope around them is complete.

  private static void parts(List<Stmt> body, Scope around) {
    for (Stmt statement : body) {
      switch (statement) {
        case If choice -> {
          choice.branches().forEach(branch -> parts(branch.body(), around));
          parts(choice.otherwise(), around);
        }
        case For loop -> loop(loop, around);
        case AssignBlock assign -> {
          ScopeAnalysis inside = within(assign.scope(), around);
          inside.all(assign.body());
          assign.filter().ifPresent(inside::expression);
          parts(assign.body(), assign.scope());
        }
        case MacroDefinition macro -> routine(macro.routine(), around);
        case CallBlock call -> routine(call.routine(), around);
        case FilterBlock filter -> {
          ScopeAnalysis inside = within(filter.scope(), around);
          inside.all(filter.body());
          inside.expression(filter.filter());
          parts(filter.body(), filter.scope());
        }
        case With with -> {
          ScopeAnalysis inside = within(with.scope(), around);
          with.targets().forEach(inside::parameters);
          inside.all(with.body());
          parts(with.body(), with.scope());
        }
        case Generation generation -> inner(generation.body(), generation.scope(), around);
        case Autoescape escape -> inner(escape.body(), escape.scope(), around);
        case Block block -> {
          new ScopeAnalysis(block.scope(), false).all(block.body());
          parts(block.body(), block.scope());
        }
        default -> {}
      }
    }
  }

  private static ScopeAnalysis within(Scope scope, Scope around) {
    scope.within(around);
    return new ScopeAnalysis(scope, false);
  }

  private static void inner(List<Stmt> body, Scope scope, Scope around) {
    within(scope, around).all(body);
    parts(body, scope);
  }

  private static void loop(For loop, Scope around) {
    ScopeAnalysis body = within(loop.bodyScope(), around);
    body.scope.declare("loop");
    body.parameters(loop.target());
    body.all(loop.body());
    ScopeAnalysis test = within(loop.testScope(), around);
    test.parameters(loop.target());
    loop.test().ifPresent(test::expression);
    within(loop.otherwiseScope(), around).all(loop.otherwise());
    parts(loop.body(), loop.bodyScope());
    parts(loop.otherwise(), loop.otherwiseScope());
  }

  private static void routine(Routine routine, Scope around) {
    ScopeAnalysis inside = within(routine.scope(), around);
    routine.parameters().forEach(inside.scope::declare);
    if (routine.specials().caller()) {
      inside.scope.declare("caller");
    }
    if (routine.specials().namedRest()) {
      inside.scope.declare("kwargs");
    }
    if (routine.specials().rest()) {
      inside.scope.declare("varargs");
    }
    inside.all(routine.defaults());
    inside.all(routine.body());
    parts(routine.body(), routine.scope());
  }

  /** Which of some names a body reads before it sets them. */
  static Set<String> undeclared(List<Stmt> body, Set<String> names) {
    var finder = new Undeclared(new HashSet<>(names));
    body.forEach(finder::visit);
    return finder.found;
  }

  /** Goes through a body in order, into all parts of it but blocks. */
  private static final class Undeclared {
    private final Set<String> names;
    private final Set<String> found = new HashSet<>();

    Undeclared(Set<String> names) {
      this.names = names;
    }

    private void visit(Stmt statement) {
      switch (statement) {
        case Print print -> print.values().forEach(this::read);
        case If choice -> {
          choice.branches().forEach(branch -> {
            read(branch.test());
            branch.body().forEach(this::visit);
          });
          choice.otherwise().forEach(this::visit);
        }
        case For loop -> {
          set(loop.target());
          read(loop.items());
          loop.body().forEach(this::visit);
          loop.otherwise().forEach(this::visit);
          loop.test().ifPresent(this::read);
        }
        case Assign assign -> {
          set(assign.target());
          read(assign.value());
        }
        case AssignBlock assign -> {
          set(assign.target());
          assign.filter().ifPresent(this::read);
          assign.body().forEach(this::visit);
        }
        case MacroDefinition macro -> routine(macro.routine());
        case CallBlock call -> {
          read(call.call());
          routine(call.routine());
        }
        case FilterBlock filter -> {
          filter.body().forEach(this::visit);
          read(filter.filter());
        }
        case With with -> {
          with.targets().forEach(this::set);
          with.values().forEach(this::read);
          with.body().forEach(this::visit);
        }
        case Generation generation -> generation.body().forEach(this::visit);
        case Autoescape escape -> {
          read(escape.on());
          escape.body().forEach(this::visit);
        }
        default -> {}
      }
    }

    private void routine(Routine routine) {
      names.removeAll(routine.parameters());
      routine.defaults().forEach(this::read);
      routine.body().forEach(this::visit);
    }

    private void set(Expr target) {
      if (target instanceof Name name) {
        names.remove(name.name());
      } else {
        children(target, new ArrayList<>()).forEach(this::set);
      }
    }

    private void read(Expr expr) {
      if (expr instanceof Name name && names.contains(name.name())) {
        found.add(name.name());
      }
      children(expr, new ArrayList<>()).forEach(this::read);
    }
  }
}
