package dev.layermesh.engine.measure;

import dev.layermesh.decoding.InputException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What is timed: {@code tgN}, {@code vN} or {@code ppN}, as llama.cpp's bench tool and the field name them. */
public sealed interface StepTest {
  /** Its name. */
  String name();

  /**
   * One token after the other from position 0, with logits of each.
   *
   * @param steps tokens
   */
  record Decode(int steps) implements StepTest {
    @Override
    public String name() {
      return "tg" + steps;
    }
  }

  /**
   * Rows behind a context, in one step, with logits of each.
   *
   * @param rows of the step
   */
  record Verify(int rows) implements StepTest {
    @Override
    public String name() {
      return "v" + rows;
    }
  }

  /**
   * Rows from position 0, in one step, with logits of the last.
   *
   * @param rows of the step
   */
  record Prefill(int rows) implements StepTest {
    @Override
    public String name() {
      return "pp" + rows;
    }
  }

  /** @throws InputException when {@code name} is no test */
  static StepTest parse(String name) {
    Matcher matcher = Pattern.compile("(tg|v|pp)([1-9]\\d{0,4})").matcher(name);
    if (!matcher.matches()) {
      throw InputException.of("--tests", name, "must be tgN, vN or ppN: N tokens one by one, N rows to verify,"
          + " N rows of a prompt");
    }
    int count = Integer.parseInt(matcher.group(2));
    return switch (matcher.group(1)) {
      case "tg" -> new Decode(count);
      case "v" -> new Verify(count);
      default -> new Prefill(count);
    };
  }
}
