package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.python.Operators.Binary;
import dev.layermesh.tokenizer.jinja.python.Operators.Comparison;
import dev.layermesh.tokenizer.jinja.python.Operators.Unary;
import dev.layermesh.tokenizer.jinja.python.Value;
import java.util.List;
import java.util.Optional;

/** The tree of a template: expressions and statements. A {@link Scope} in a statement is filled by ScopeAnalysis. */
sealed interface Node {
  /** A part of a template that has a value. */
  sealed interface Expr extends Node {}

  /** A part of a template that writes output or sets variables. */
  sealed interface Stmt extends Node {}

  // expressions

  record Const(Value value) implements Expr {}

  record Name(String name) implements Expr {}

  /** {@code name.attribute} as a target of {@code set}. */
  record NamespaceTarget(String name, String attribute) implements Expr {}

  record TupleExpr(List<Expr> items) implements Expr {}

  record ListExpr(List<Expr> items) implements Expr {}

  record DictExpr(List<Pair> pairs) implements Expr {}

  record Pair(Expr key, Expr value) {}

  record SliceExpr(Optional<Expr> start, Optional<Expr> stop, Optional<Expr> step) implements Expr {}

  record GetAttribute(Expr object, String name) implements Expr {}

  record GetItem(Expr object, Expr index) implements Expr {}

  record Call(Expr callee, CallArguments arguments) implements Expr {}

  /** A filter; in a filter block it has no input of its own. */
  record Filter(Optional<Expr> input, String name, CallArguments arguments, int line) implements Expr {}

  record Test(Expr input, String name, CallArguments arguments, int line) implements Expr {}

  /** The arguments between the brackets of a call: {@code f(positional, name=named, *rest, **namedRest)}. */
  record CallArguments(List<Expr> positional, List<Named> named, Optional<Expr> rest, Optional<Expr> namedRest) {
    static final CallArguments NONE = new CallArguments(List.of(), List.of(), Optional.empty(), Optional.empty());
  }

  record Named(String name, Expr value) {}

  record UnaryExpr(Unary operator, Expr operand) implements Expr {}

  record BinaryExpr(Binary operator, Expr left, Expr right) implements Expr {}

  record And(Expr left, Expr right) implements Expr {}

  record Or(Expr left, Expr right) implements Expr {}

  record Concat(List<Expr> parts) implements Expr {}

  record Operand(Comparison operator, Expr value) {}

  record Compare(Expr first, List<Operand> rest) implements Expr {}

  record Conditional(Expr test, Expr then, Optional<Expr> otherwise, int line) implements Expr {}

  // statements

  record Data(String text) implements Stmt {}

  record Print(List<Expr> values) implements Stmt {}

  record If(List<Branch> branches, List<Stmt> otherwise) implements Stmt {}

  record Branch(Expr test, List<Stmt> body) {}

  record For(Expr target, Expr items, Optional<Expr> test, List<Stmt> body, List<Stmt> otherwise, boolean recursive,
      Scope bodyScope, Scope testScope, Scope otherwiseScope) implements Stmt {}

  record Break() implements Stmt {}

  record Continue() implements Stmt {}

  record Assign(Expr target, Expr value) implements Stmt {}

  record AssignBlock(Expr target, Optional<Filter> filter, List<Stmt> body, Scope scope) implements Stmt {}

  /** Parameters and body of a macro or call block; the last parameters have the defaults. */
  record Routine(List<String> parameters, List<Expr> defaults, List<Stmt> body, Scope scope, Specials specials) {}

  /** Which special parameters the body of a macro reads without declaring them. */
  record Specials(boolean caller, boolean namedRest, boolean rest) {}

  record MacroDefinition(String name, Routine routine) implements Stmt {}

  record CallBlock(Call call, Routine routine) implements Stmt {}

  record FilterBlock(Filter filter, List<Stmt> body, Scope scope) implements Stmt {}

  record With(List<Expr> targets, List<Expr> values, List<Stmt> body, Scope scope) implements Stmt {}

  /** {@code generation} of transformers: marks what the assistant says. Its variables are its own. */
  record Generation(List<Stmt> body, Scope scope) implements Stmt {}

  record Autoescape(Expr on, List<Stmt> body, Scope scope) implements Stmt {}

  record Block(String name, boolean required, List<Stmt> body, Scope scope) implements Stmt {}

  /** A statement that needs another template: {@code extends}, {@code include}, {@code import}, {@code from}. */
  record NeedsLoader() implements Stmt {}
}
