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
import dev.layermesh.tokenizer.jinja.Node.NamespaceTarget;
import dev.layermesh.tokenizer.jinja.Node.Operand;
import dev.layermesh.tokenizer.jinja.Node.Or;
import dev.layermesh.tokenizer.jinja.Node.Pair;
import dev.layermesh.tokenizer.jinja.Node.SliceExpr;
import dev.layermesh.tokenizer.jinja.Node.Test;
import dev.layermesh.tokenizer.jinja.Node.TupleExpr;
import dev.layermesh.tokenizer.jinja.Node.UnaryExpr;
import dev.layermesh.tokenizer.jinja.python.Arguments;
import dev.layermesh.tokenizer.jinja.python.Attributes;
import dev.layermesh.tokenizer.jinja.python.Budget;
import dev.layermesh.tokenizer.jinja.python.JinjaException;
import dev.layermesh.tokenizer.jinja.python.Keys;
import dev.layermesh.tokenizer.jinja.python.Operators;
import dev.layermesh.tokenizer.jinja.python.Text;
import dev.layermesh.tokenizer.jinja.python.Value.Dict;
import dev.layermesh.tokenizer.jinja.python.Value.PyList;
import dev.layermesh.tokenizer.jinja.python.Value.Slice;
import dev.layermesh.tokenizer.jinja.python.Value.Str;
import dev.layermesh.tokenizer.jinja.python.Value.Tuple;
import dev.layermesh.tokenizer.jinja.python.Value.Undefined;
import dev.layermesh.tokenizer.jinja.python.Value;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Evaluates expressions among the variables of a frame. */
final class Evaluator {
  private final Interpreter interpreter;
  private final Budget budget;

  Evaluator(Interpreter interpreter) {
    this.interpreter = interpreter;
    this.budget = interpreter.budget();
  }

  Value evaluate(Expr expr, Frame frame) {
    budget.step();
    budget.enter();
    Value value = value(expr, frame);
    budget.value(value);
    budget.leave();
    return value;
  }

  private Value value(Expr expr, Frame frame) {
    return switch (expr) {
      case Const constant -> constant.value();
      case Name name -> frame.find(name.name()).orElseGet(() -> Undefined.variable(name.name()));
      case NamespaceTarget target -> throw new IllegalStateException("a target has no value: " + target);
      case TupleExpr tuple -> new Tuple(all(tuple.items(), frame));
      case ListExpr list -> new PyList(all(list.items(), frame));
      case DictExpr dict -> dict(dict, frame);
      case SliceExpr slice -> new Slice(
          orNone(slice.start(), frame), orNone(slice.stop(), frame), orNone(slice.step(), frame));
      case GetAttribute get -> Attributes.attribute(evaluate(get.object(), frame), get.name());
      case GetItem get -> {
        Value object = evaluate(get.object(), frame);
        yield Attributes.item(object, evaluate(get.index(), frame), budget);
      }
      case Call call -> call(call, frame, Map.of());
      case Filter filter -> filter(filter, frame, Value.NONE);
      case Test test -> test(test, frame);
      case UnaryExpr unary -> Operators.unary(unary.operator(), evaluate(unary.operand(), frame));
      case BinaryExpr binary -> {
        Value left = evaluate(binary.left(), frame);
        yield Operators.binary(binary.operator(), left, evaluate(binary.right(), frame), budget);
      }
      case And and -> {
        Value left = evaluate(and.left(), frame);
        yield Operators.truth(left) ? evaluate(and.right(), frame) : left;
      }
      case Or or -> {
        Value left = evaluate(or.left(), frame);
        yield Operators.truth(left) ? left : evaluate(or.right(), frame);
      }
      case Concat concat -> concat(all(concat.parts(), frame));
      case Compare compare -> compare(compare, frame);
      case Conditional choice -> conditional(choice, frame);
    };
  }

  private List<Value> all(List<Expr> exprs, Frame frame) {
    budget.items(exprs.size());
    var values = new ArrayList<Value>(exprs.size());
    for (Expr expr : exprs) {
      values.add(evaluate(expr, frame));
    }
    return values;
  }

  private Value orNone(Optional<Expr> expr, Frame frame) {
    return expr.isPresent() ? evaluate(expr.get(), frame) : Value.NONE;
  }

  private Value dict(DictExpr expr, Frame frame) {
    budget.items(expr.pairs().size());
    var dict = new Dict();
    for (Pair pair : expr.pairs()) {
      Value key = evaluate(pair.key(), frame);
      Value value = evaluate(pair.value(), frame);
      dict.put(Keys.form(key, budget), key, value);
    }
    return dict;
  }

  /** {@code a ~ b}: joined as text; where output is escaped, Markup among the parts makes the whole Markup. */
  private Value concat(List<Value> parts) {
    boolean markup = interpreter.autoescape()
        && parts.stream().anyMatch(part -> part instanceof Str text && text.safe());
    var joined = new StringBuilder();
    for (Value part : parts) {
      joined.append(markup ? Text.escape(part, budget).text() : Text.str(part, budget));
      budget.text(joined.length());
    }
    return new Str(joined.toString(), markup);
  }

  /** {@code a < b < c}: each operand is evaluated once, up to the first comparison that fails. */
  private Value compare(Compare compare, Frame frame) {
    Value left = evaluate(compare.first(), frame);
    for (Operand operand : compare.rest()) {
      Value right = evaluate(operand.value(), frame);
      if (!Operators.compare(operand.operator(), left, right, budget)) {
        return Value.FALSE;
      }
      left = right;
    }
    return Value.TRUE;
  }

  private Value conditional(Conditional choice, Frame frame) {
    if (Operators.truth(evaluate(choice.test(), frame))) {
      return evaluate(choice.then(), frame);
    }
    return choice.otherwise().isPresent()
        ? evaluate(choice.otherwise().get(), frame)
        : Undefined.hint("the inline if-expression on line " + choice.line()
            + " evaluated to false and no else section was defined.");
  }

  /**
   * Calls a function.
   *
   * @param extra arguments by name that the call does not spell out
   */
  Value call(Call call, Frame frame, Map<String, Value> extra) {
    Value callee = evaluate(call.callee(), frame);
    return call(callee, arguments(call.arguments(), frame, extra));
  }

  private Value call(Value callee, Arguments arguments) {
    return switch (callee) {
      case Value.Callable callable -> callable.call(arguments, budget);
      case Undefined undefined -> throw undefined.failure();
      default -> throw JinjaException.type("'" + callee.typeName() + "' object is not callable");
    };
  }

  private Arguments arguments(CallArguments call, Frame frame, Map<String, Value> extra) {
    List<Value> positional = all(call.positional(), frame);
    if (call.rest().isPresent()) {
      positional.addAll(Operators.list(evaluate(call.rest().get(), frame), budget));
    }
    Map<String, Value> named = new LinkedHashMap<>();
    call.named().forEach(argument -> named.put(argument.name(), evaluate(argument.value(), frame)));
    extra.forEach((name, value) -> putOnce(name, value, named));
    if (call.namedRest().isPresent()) {
      spread(evaluate(call.namedRest().get(), frame), named);
    }
    return new Arguments(positional, named);
  }

  private void spread(Value rest, Map<String, Value> named) {
    if (!(rest instanceof Dict dict)) {
      throw JinjaException.type("argument after ** must be a mapping, not " + rest.typeName());
    }
    for (Dict.Entry entry : dict.entries().values()) {
      if (!(entry.key() instanceof Str name)) {
        throw JinjaException.type("keywords must be strings");
      }
      putOnce(name.text(), entry.value(), named);
    }
  }

  private static void putOnce(String name, Value value, Map<String, Value> named) {
    if (named.put(name, value) != null) {
      throw JinjaException.type("got multiple values for keyword argument '" + name + "'");
    }
  }

  /**
   * Applies a filter.
   *
   * @param blockText what the first filter of a filter block is applied to
   */
  Value filter(Filter filter, Frame frame, Value blockText) {
    Value input = filter.input().isEmpty() ? blockText
        : filter.input().get() instanceof Filter inner ? filter(inner, frame, blockText)
            : evaluate(filter.input().get(), frame);
    return Filters.apply(filter.name(), arguments(filter.arguments(), frame, Map.of()).after(input), interpreter);
  }

  private Value test(Test test, Frame frame) {
    Value input = evaluate(test.input(), frame);
    return Tests.apply(test.name(), arguments(test.arguments(), frame, Map.of()).after(input), interpreter);
  }
}
