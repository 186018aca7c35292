package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

/** Requests to gateways that may not have found their workers yet. */
final class Gateways {
  private static final long LIMIT_NANOS = 60_000_000_000L;

  private Gateways() {}

  /** The 12 tokens that continue {@code ROMEO:}, as printed; asks until there is a model. */
  static String answer(String url) throws InterruptedException {
    long deadline = System.nanoTime() + LIMIT_NANOS;
    while (true) {
      var result = Cli.run("generate", "--prompt", "ROMEO:", "--max-tokens", "12", "--connect", url);
      if (result.status() == 0 || System.nanoTime() > deadline) {
        return result.out() + result.err();
      }
      assertThat(result.err()).contains("serves no model now").hasLineCount(1);
      Thread.sleep(20); // between two requests
    }
  }
}
