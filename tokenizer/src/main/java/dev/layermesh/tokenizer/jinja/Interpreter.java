package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.Node.Assign;
import dev.layermesh.tokenizer.jinja.Node.AssignBlock;
import dev.layermesh.tokenizer.jinja.Node.Autoescape;
import dev.layermesh.tokenizer.jinja.Node.Block;
import dev.layermesh.tokenizer.jinja.Node.Branch;
import dev.layermesh.tokenizer.jinja.Node.Break;
import dev.layermesh.tokenizer.jinja.Node.CallBlock;
import dev.layermesh.tokenizer.jinja.Node.Continue;
import dev.layermesh.tokenizer.jinja.Node.Data;
import dev.layermesh.tokenizer.jinja.Node.Expr;
import dev.layermesh.tokenizer.jinja.Node.FilterBlock;
import dev.layermesh.tokenizer.jinja.Node.For;
import dev.layermesh.tokenizer.jinja.Node.Generation;
import dev.layermesh.tokenizer.jinja.Node.If;
import dev.layermesh.tokenizer.jinja.Node.MacroDefinition;
import dev.layermesh.tokenizer.jinja.Node.Name;
import dev.layermesh.tokenizer.jinja.Node.NamespaceTarget;
import dev.layermesh.tokenizer.jinja.Node.NeedsLoader;
import dev.layermesh.tokenizer.jinja.Node.Print;
import dev.layermesh.tokenizer.jinja.Node.Stmt;
import dev.layermesh.tokenizer.jinja.Node.TupleExpr;
import dev.layermesh.tokenizer.jinja.Node.With;
import dev.layermesh.tokenizer.jinja.python.Budget;
import dev.layermesh.tokenizer.jinja.python.JinjaException;
import dev.layermesh.tokenizer.jinja.python.Operators;
import dev.layermesh.tokenizer.jinja.python.Text;
import dev.layermesh.tokenizer.jinja.python.Value.Namespace;
import dev.layermesh.tokenizer.jinja.python.Value.Str;
import dev.layermesh.tokenizer.jinja.python.Value;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Runs the statements of a template once. Belongs to the thread that renders. */
final class Interpreter {
  /** How a statement ended, for the loop around it. */
  private enum Flow {
    NEXT, BREAK, CONTINUE
  }

  private final Budget budget;
  private final Frame.Variables variables;
  private final Evaluator evaluator;
  private boolean autoescape;

  Interpreter(Map<String, Value> given, Budget budget) {
    this.budget = budget;
    this.variables = new Frame.Variables(new LinkedHashMap<>(), given);
    this.evaluator = new Evaluator(this);
  }

  Budget budget() {
    return budget;
  }

  Frame.Variables variables() {
    return variables;
  }

  /** Whether output is escaped for HTML: within {@code autoescape} only. */
  boolean autoescape() {
    return autoescape;
  }

  String render(List<Stmt> body, Scope scope) {
    Frame frame = Frame.outermost(scope);
    frame.enter(variables);
    var output = new StringBuilder();
    run(body, frame, output);
    return output.toString();
  }

  Value evaluate(Expr expr, Frame frame) {
    return evaluator.evaluate(expr, frame);
  }

  /** What a body writes, as a value. */
  Str text(List<Stmt> body, Frame frame) {
    budget.enter();
    var output = new StringBuilder();
    run(body, frame, output);
    budget.leave();
    return new Str(output.toString(), autoescape);
  }

  private Flow run(List<Stmt> body, Frame frame, StringBuilder output) {
    for (Stmt statement : body) {
      Flow flow = run(statement, frame, output);
      if (flow != Flow.NEXT) {
        return flow;
      }
    }
    return Flow.NEXT;
  }

  private Flow run(Stmt statement, Frame frame, StringBuilder output) {
    budget.step();
    switch (statement) {
      case Data data -> write(data.text(), output);
      case Print print -> print.values().forEach(value -> print(evaluate(value, frame), output));
      case If choice -> {
        return choice(choice, frame, output);
      }
      case For loop -> {
        return loop(loop, frame, output);
      }
      case Break leave -> {
        return Flow.BREAK;
      }
      case Continue next -> {
        return Flow.CONTINUE;
      }
      case Assign assign -> assign(assign, frame);
      case AssignBlock assign -> {
        return assignBlock(assign, frame);
      }
      case MacroDefinition macro -> set(macro.name(), new Macro(macro.name(), macro.routine(), frame, this), frame);
      case CallBlock block -> {
        var caller = new Macro("caller", block.routine(), frame, this);
        writeText(evaluator.call(block.call(), frame, Map.of("caller", caller)), output);
      }
      case FilterBlock block -> {
        return filterBlock(block, frame, output);
      }
      case With with -> {
        return with(with, frame, output);
      }
      case Generation generation -> {
        return run(generation.body(), inner(generation.scope(), frame), output);
      }
      case Autoescape escape -> {
        return autoescape(escape, frame, output);
      }
      case Block block -> block(block, output);
      case NeedsLoader loader -> throw JinjaException.type("no loader for this environment specified");
    }
    return Flow.NEXT;
  }

  private Frame inner(Scope scope, Frame around) {
    var frame = new Frame(scope, around);
    frame.enter(variables);
    return frame;
  }

  private void write(String text, StringBuilder output) {
    budget.text(text.length());
    budget.length((long) output.length() + text.length());
    output.append(text);
  }

  private void print(Value value, StringBuilder output) {
    write(autoescape ? Text.escape(value, budget).text() : Text.str(value, budget), output);
  }

  /** Writes what a block gives, which is neither converted to text nor escaped. */
  private void writeText(Value value, StringBuilder output) {
    if (!(value instanceof Str text)) {
      throw JinjaException.type("expected str instance, " + value.typeName() + " found");
    }
    write(text.text(), output);
  }

  private Flow choice(If choice, Frame frame, StringBuilder output) {
    for (Branch branch : choice.branches()) {
      if (Operators.truth(evaluate(branch.test(), frame))) {
        return run(branch.body(), frame, output);
      }
    }
    return run(choice.otherwise(), frame, output);
  }

  private Flow loop(For loop, Frame around, StringBuilder output) {
    Value items = evaluate(loop.items(), around);
    if (!loop.recursive()) {
      return loop(loop, items, 0, around, output);
    }
    writeText(recursion(loop, items, 0, around), output);
    return Flow.NEXT;
  }

  private Str recursion(For loop, Value items, int depth, Frame around) {
    budget.enter();
    var output = new StringBuilder();
    loop(loop, items, depth, around, output);
    budget.leave();
    return new Str(output.toString(), autoescape);
  }

  private Flow loop(For loop, Value items, int depth, Frame around, StringBuilder output) {
    var frame = new Frame(loop.bodyScope(), around);
    Optional<Loop.Recursion> recursion = loop.recursive()
        ? Optional.of((inner, level) -> recursion(loop, inner, level, around))
        : Optional.empty();
    boolean counted = loop.test().isEmpty() && Operators.isSized(items);
    var state = new Loop(selected(loop, items, around),
        counted ? Optional.of(Operators.length(items)) : Optional.empty(), recursion, depth, budget);
    boolean untouched = true;
    while (state.hasNext()) {
      assign(loop.target(), state.next(), frame);
      frame.set("loop", state);
      frame.enter(variables);
      Flow flow = run(loop.body(), frame, output);
      if (flow == Flow.BREAK) {
        break;
      }
      // In Jinja2, continue skips the mark that the loop had an item.
      untouched &= flow == Flow.CONTINUE;
    }
    return untouched ? run(loop.otherwise(), inner(loop.otherwiseScope(), around), output) : Flow.NEXT;
  }

  /** The items that the test of a loop lets through, tested as they are visited. */
  private Iterator<Value> selected(For loop, Value items, Frame around) {
    Iterator<Value> all = Operators.iterate(items, budget);
    if (loop.test().isEmpty()) {
      return all;
    }
    Frame frame = inner(loop.testScope(), around);
    return Generators.mapped(all, item -> {
      assign(loop.target(), item, frame);
      return Operators.truth(evaluate(loop.test().get(), frame)) ? Optional.of(item) : Optional.empty();
    });
  }

  // Variables

  private void assign(Assign assign, Frame frame) {
    requireNamespaces(assign.target(), frame);
    assign(assign.target(), evaluate(assign.value(), frame), frame);
  }

  private void requireNamespaces(Expr target, Frame frame) {
    switch (target) {
      case NamespaceTarget namespace when !(frame.find(namespace.name()).orElse(Value.NONE) instanceof Namespace) ->
          throw new JinjaException("TemplateRuntimeError", "cannot assign attribute on non-namespace object");
      case TupleExpr tuple -> tuple.items().forEach(item -> requireNamespaces(item, frame));
      default -> {}
    }
  }

  private void assign(Expr target, Value value, Frame frame) {
    switch (target) {
      case Name name -> set(name.name(), value, frame);
      case NamespaceTarget target1 when frame.find(target1.name()).orElse(Value.NONE) instanceof Namespace namespace ->
          namespace.attributes().put(target1.attribute(), value);
      case TupleExpr tuple -> unpack(tuple.items(), value, frame);
      default -> throw new IllegalStateException("no target: " + target);
    }
  }

  private void unpack(List<Expr> targets, Value value, Frame frame) {
    if (!Operators.isIterable(value)) {
      throw JinjaException.type("cannot unpack non-iterable " + value.typeName() + " object");
    }
    List<Value> items = Operators.list(value, budget);
    if (items.size() != targets.size()) {
      throw JinjaException.value(items.size() < targets.size()
          ? "not enough values to unpack (expected " + targets.size() + ", got " + items.size() + ")"
          : "too many values to unpack (expected " + targets.size() + ")");
    }
    for (int i = 0; i < items.size(); i++) {
      assign(targets.get(i), items.get(i), frame);
    }
  }

  /** Sets a variable; at the top of a template it can be looked up by name from then on. */
  private void set(String name, Value value, Frame frame) {
    frame.set(name, value);
    if (frame.isOutermost()) {
      variables.set().put(name, value);
    }
  }

  private Flow assignBlock(AssignBlock assign, Frame frame) {
    Frame inside = inner(assign.scope(), frame);
    var output = new StringBuilder();
    Flow flow = run(assign.body(), inside, output);
    if (flow == Flow.NEXT) {
      Value text = new Str(output.toString(), autoescape);
      assign(assign.target(), assign.filter().isPresent()
          ? evaluator.filter(assign.filter().get(), inside, text)
          : text, frame);
    }
    return flow;
  }

  private Flow filterBlock(FilterBlock block, Frame frame, StringBuilder output) {
    Frame inside = inner(block.scope(), frame);
    var written = new StringBuilder();
    Flow flow = run(block.body(), inside, written);
    if (flow == Flow.NEXT) {
      writeText(evaluator.filter(block.filter(), inside, new Str(written.toString(), autoescape)), output);
    }
    return flow;
  }

  private Flow with(With with, Frame around, StringBuilder output) {
    Frame frame = inner(with.scope(), around);
    for (int i = 0; i < with.targets().size(); i++) {
      assign(with.targets().get(i), evaluate(with.values().get(i), around), frame);
    }
    return run(with.body(), frame, output);
  }

  private Flow autoescape(Autoescape escape, Frame around, StringBuilder output) {
    Frame frame = inner(escape.scope(), around);
    boolean before = autoescape;
    autoescape = Operators.truth(evaluate(escape.on(), frame));
    Flow flow = run(escape.body(), frame, output);
    autoescape = before;
    return flow;
  }

  /** A block sees only what is looked up by name. */
  private void block(Block block, StringBuilder output) {
    if (block.required()) {
      throw new JinjaException("TemplateRuntimeError", "Required block '" + block.name() + "' not found");
    }
    Frame frame = Frame.outermost(block.scope());
    frame.enter(variables);
    budget.enter();
    run(block.body(), frame, output);
    budget.leave();
  }
}
