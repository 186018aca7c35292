package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.Node.Stmt;
import dev.layermesh.tokenizer.jinja.python.Budget;
import dev.layermesh.tokenizer.jinja.python.JinjaException;
import dev.layermesh.tokenizer.jinja.python.Limits;
import dev.layermesh.tokenizer.jinja.python.Value;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;

/**
 * A template of Jinja2, in the environment that transformers has for chat templates. Reaches no class, file or socket
 * of this process. Immutable: any number of threads may render at once.
 */
public final class Template {
  private final List<Stmt> body;
  private final Scope scope;

  private Template(List<Stmt> body, Scope scope) {
    this.body = body;
    this.scope = scope;
  }

  /**
   * Parses a template.
   *
   * @throws JinjaException if Jinja2 would not compile it
   */
  public static Template parse(String text) {
    try {
      List<Stmt> body = Parser.parse(text);
      var scope = new Scope();
      ScopeAnalysis.template(body, scope);
      return new Template(body, scope);
    } catch (StackOverflowError e) {
      throw tooDeep();
    }
  }

  /**
   * Renders the template.
   *
   * @param variables plain Java data: null, text, numbers, truth values, lists, and maps with text as keys
   * @param limits what it may use; beyond that it fails
   * @param clock what {@code strftime_now} reads
   * @param stopped asked now and then; the rendering fails soon after it says yes
   * @throws JinjaException if the template raises, or exceeds the limits
   */
  public String render(Map<String, ?> variables, Limits limits, Clock clock, BooleanSupplier stopped) {
    Map<String, Value> given = Globals.all(clock);
    variables.forEach((name, value) -> given.put(name, Value.of(value)));
    try {
      return new Interpreter(given, new Budget(limits, stopped)).render(body, scope);
    } catch (StackOverflowError e) {
      throw tooDeep();
    }
  }

  private static JinjaException tooDeep() {
    return new JinjaException("RecursionError", "maximum recursion depth exceeded");
  }
}
