package dev.layermesh.cli.options;

import dev.layermesh.cli.complete.Acceptance;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.SamplingParams;
import java.util.concurrent.ThreadLocalRandom;
import picocli.CommandLine.Option;

/** How tokens are chosen. */
final class SamplingMixin {
  private static final long SEED_BOUND = 1L << 53; // every reader of JSON keeps integers below it exact

  @Option(names = "--temperature", paramLabel = "T", defaultValue = "0",
      description = "0 takes the most likely token (default: ${DEFAULT-VALUE}).")
  private double temperature;

  @Option(names = "--top-p", paramLabel = "P", defaultValue = "1",
      description = "Keep the most likely tokens up to this mass (default: ${DEFAULT-VALUE}, all).")
  private double topP;

  @Option(names = "--top-k", paramLabel = "K", defaultValue = "0",
      description = "Keep this many most likely tokens (default: ${DEFAULT-VALUE}, all).")
  private int topK;

  @Option(names = "--seed", paramLabel = "S",
      description = "Of all noise; the same gives the same text (default: drawn).")
  private Long seed;

  @Option(names = "--acceptance", paramLabel = "RULE", defaultValue = "shared-noise",
      description = "shared-noise or classic: which draft tokens stand (default: ${DEFAULT-VALUE}).")
  private Acceptance acceptance;

  /** The parameters, with a seed of their own if none was given. */
  SamplingParams params() {
    long chosen = seed == null ? ThreadLocalRandom.current().nextLong(SEED_BOUND) : seed;
    return new SamplingParams(temperature, topK, topP, chosen, acceptance.rule());
  }

  /** Whether the seed was chosen by the user, and not drawn. */
  boolean seedGiven() {
    return seed != null;
  }

  /** Refuses the classic rule where tokens are sampled: what they are then depends on what was drafted. */
  void requireReproducible() {
    if (temperature > 0 && acceptance == Acceptance.CLASSIC) {
      throw InputException.of("--acceptance", acceptance,
          "gives tokens that follow the model but depend on the drafts: use shared-noise, or --temperature 0");
    }
  }
}
