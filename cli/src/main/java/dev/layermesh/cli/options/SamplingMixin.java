package dev.layermesh.cli.options;

import dev.layermesh.cli.complete.Acceptance;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.tokenizer.GenerationDefaults;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.concurrent.ThreadLocalRandom;
import picocli.CommandLine.Option;

/** How tokens are chosen. */
final class SamplingMixin {
  private static final long SEED_BOUND = 1L << 53; // every reader of JSON keeps integers below it exact

  private static final double GREEDY = 0;

  @Option(names = "--temperature", paramLabel = "T", description = "0 takes the most likely token (default: 0).")
  private Double temperature;

  @Option(names = "--top-p", paramLabel = "P",
      description = "Keep the most likely tokens up to this mass (default: 1, all).")
  private Double topP;

  @Option(names = "--top-k", paramLabel = "K",
      description = "Keep this many most likely tokens (default: 0, all).")
  private Integer topK;

  @Option(names = "--seed", paramLabel = "S",
      description = "Of all noise; the same gives the same text (default: drawn).")
  private Long seed;

  @Option(names = "--acceptance", paramLabel = "RULE", defaultValue = "shared-noise",
      description = "shared-noise or classic: the rule that accepts draft tokens (default: ${DEFAULT-VALUE}).")
  private Acceptance acceptance;

  /**
   * The parameters, with a seed of their own if none was given.
   *
   * @param defaults the values that were not asked for, before those of the help text
   */
  SamplingParams params(GenerationDefaults defaults) {
    long chosen = seed == null ? ThreadLocalRandom.current().nextLong(SEED_BOUND) : seed;
    return given().or(defaults).sampling(GREEDY, chosen, acceptance.rule());
  }

  private GenerationDefaults given() {
    return new GenerationDefaults(
        temperature == null ? OptionalDouble.empty() : OptionalDouble.of(temperature),
        topK == null ? OptionalInt.empty() : OptionalInt.of(topK),
        topP == null ? OptionalDouble.empty() : OptionalDouble.of(topP));
  }

  /** Whether the seed was chosen by the user, and not drawn. */
  boolean seedGiven() {
    return seed != null;
  }

  /** Refuses the classic rule where tokens are sampled: what they are then depends on what was drafted. */
  void requireReproducible() {
    if (temperature != null && temperature > 0 && acceptance == Acceptance.CLASSIC) {
      throw InputException.of("--acceptance", acceptance,
          "gives tokens that follow the model but depend on the drafts: use shared-noise, or --temperature 0");
    }
  }
}
