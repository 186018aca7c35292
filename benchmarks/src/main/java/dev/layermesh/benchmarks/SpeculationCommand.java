package dev.layermesh.benchmarks;

import dev.layermesh.decoding.DraftChoice;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopRule;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.testkit.Lossless;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * Self-speculative against autoregressive decoding of the same tokens by the same engine. Every round runs every window
 * on every prompt and seed, and a ratio is taken within a round; output that is not the autoregressive one, token for
 * token, ends the run.
 */
@Command(
    name = "speculation",
    mixinStandardHelpOptions = true,
    description = "Self-speculative ÷ autoregressive tokens/s, in turns, with the acceptance rate.",
    footer = {"", "Examples:",
        "  benchmarks/run.sh speculation --exit-layers 1,2,3 --temperature 0.8 --seeds 5",
        "  benchmarks/run.sh speculation --model MODEL.gguf --exit-layers 4 --oracle 0.7,0.8,0.9"})
final class SpeculationCommand implements Callable<Integer> {

  @Mixin
  private ModelOptions model;

  @Option(names = "--exit-layers", paramLabel = "LIST", split = ",",
      description = "Exit layers to try (default: the checkpoint's own).")
  private List<Integer> exitLayers = List.of();

  @Option(names = "--windows", paramLabel = "LIST", split = ",", defaultValue = "2,3,4,6",
      description = "Draft tokens in a window, beside 0 (default: ${DEFAULT-VALUE}).")
  private List<Integer> windows;

  @Option(names = "--oracle", paramLabel = "LIST", split = ",",
      description = "Draft the right token with these probabilities, else a wrong one (default: what the layers say).")
  private List<Double> oracles = List.of();

  @Option(names = "--temperature", paramLabel = "T", defaultValue = "0",
      description = "0 is greedy (default: ${DEFAULT-VALUE}).")
  private double temperature;

  @Option(names = "--seeds", paramLabel = "N", defaultValue = "1",
      description = "Seeds for each prompt (default: ${DEFAULT-VALUE}).")
  private int seeds;

  @Option(names = "--prompts", paramLabel = "N", defaultValue = "1",
      description = "Prompts: the checkpoint's own where it has some, else random (default: ${DEFAULT-VALUE}).")
  private int prompts;

  @Option(names = "--max-tokens", paramLabel = "N", defaultValue = "64",
      description = "Tokens of a continuation (default: ${DEFAULT-VALUE}).")
  private int maxTokens;

  @Option(names = "--rounds", paramLabel = "N", defaultValue = "5",
      description = "Rounds over everything; one more, unprinted, comes first (default: ${DEFAULT-VALUE}).")
  private int rounds;

  @Spec
  private CommandSpec spec;

  /** A prompt with a seed, and the model's continuation. */
  private record Case(TokenIds prompt, SamplingParams sampling, TokenIds expected) {}

  /** A way to decode: a window, and the oracle that drafts, if there is one. */
  private record Way(int window, Optional<Double> oracle) {}

  /** The results of a way, a number for each round. */
  private static final class Tally {
    private final List<Double> tokensPerSecond = new ArrayList<>();
    private final List<Double> ratios = new ArrayList<>(); // to the window of 0 in the same round
    private long drafted;
    private long accepted;
    private long committed;
    private long decodingRounds;
    private double draftSeconds;
    private double seconds;
  }

  @Override
  public Integer call() throws InterruptedException {
    PrintWriter out = spec.commandLine().getOut();
    List<OptionalInt> exits = exitLayers.isEmpty()
        ? List.of(OptionalInt.empty())
        : exitLayers.stream().map(OptionalInt::of).toList();
    for (OptionalInt exit : exits) {
      try (SplitModel split = SplitModel.open(model.engine(exit))) {
        out.println(Machine.describe(split.identity(), model.threads()));
        print(out, measure(split));
      }
    }
    return 0;
  }

  private Map<Way, Tally> measure(SplitModel split) {
    List<Case> cases = cases(split);
    Map<Way, Tally> tallies = new LinkedHashMap<>();
    ways().forEach(way -> tallies.put(way, new Tally()));
    for (int i = 0; i <= rounds; i++) {
      round(split, cases, tallies, i);
    }
    return tallies;
  }

  private List<Way> ways() {
    List<Way> ways = new ArrayList<>();
    ways.add(new Way(0, Optional.empty()));
    List<Optional<Double>> drafters =
        oracles.isEmpty() ? List.of(Optional.empty()) : oracles.stream().map(Optional::of).toList();
    drafters.forEach(drafter -> windows.forEach(window -> ways.add(new Way(window, drafter))));
    return ways;
  }

  /** Every prompt with every seed, and its autoregressive continuation. */
  private List<Case> cases(SplitModel split) {
    List<Case> cases = new ArrayList<>();
    for (TokenIds prompt : Workload.prompts(model.model(), split.identity(), prompts)) {
      for (int seed = 0; seed < seeds; seed++) {
        SamplingParams sampling =
            temperature == 0 ? SamplingParams.GREEDY : SamplingParams.sampled(temperature, seed);
        TokenIds said = split.decode(spec(split, prompt, sampling, 0)).tokens();
        cases.add(new Case(prompt, sampling, said));
      }
    }
    return cases;
  }

  /** Runs every way once, the window of 0 first. Round 0 compiles and is not counted. */
  private void round(SplitModel split, List<Case> cases, Map<Way, Tally> tallies, int round) {
    boolean counts = round > 0;
    double plainSeconds = 0;
    for (Way way : tallies.keySet()) {
      Tally tally = tallies.get(way);
      double seconds = 0;
      int tokens = 0;
      for (Case each : cases) {
        Decoded decoded = decode(split, each, way, round);
        Lossless.assertSameTokens(each.expected(), decoded.tokens());
        seconds += decoded.seconds();
        tokens += decoded.timedTokens();
        if (counts) {
          tally.drafted += decoded.stats().draftTokens();
          tally.accepted += decoded.stats().acceptedTokens();
          tally.committed += decoded.timedTokens();
          tally.decodingRounds += decoded.stats().rounds() - 1; // the first drafts nothing
          tally.draftSeconds += decoded.draftSeconds();
          tally.seconds += decoded.seconds();
        }
      }
      plainSeconds = way.window() == 0 ? seconds : plainSeconds;
      if (counts) {
        tally.tokensPerSecond.add(tokens / seconds);
        tally.ratios.add(plainSeconds / seconds);
      }
    }
  }

  private Decoded decode(SplitModel split, Case each, Way way, int round) {
    DraftChoice choice = way.oracle()
        .<DraftChoice>map(probability -> new Oracle(each.prompt().concat(each.expected()), probability, round))
        .orElseGet(() -> DraftChoice.sampled(each.sampling()));
    return split.decode(spec(split, each.prompt(), each.sampling(), way.window()), choice);
  }

  private SessionSpec spec(SplitModel split, TokenIds prompt, SamplingParams sampling, int window) {
    var stops = new StopRule(TokenIds.empty(), maxTokens, split.identity().config().maxPositions());
    return new SessionSpec(split.newKey(), prompt, stops, sampling, WindowPolicy.sequential(window));
  }

  private void print(PrintWriter out, Map<Way, Tally> tallies) {
    out.println();
    out.println(
        "| drafter | window | tokens/s | ÷ window 0 | accepted ÷ drafted | tokens a round | ms: draft + verify |");
    out.println("|---|---|---|---|---|---|---|");
    tallies.forEach((way, tally) -> out.println(String.format(Locale.ROOT,
        "| %s | %d | %.1f | %s | %s | %.2f | %.2f + %.2f |",
        way.oracle().map(probability -> "oracle " + probability).orElse(way.window() == 0 ? "none" : "early layers"),
        way.window(),
        Medians.median(tally.tokensPerSecond),
        Medians.spread(tally.ratios),
        tally.drafted == 0 ? "–" : String.format(Locale.ROOT, "%.3f", (double) tally.accepted / tally.drafted),
        (double) tally.committed / tally.decodingRounds,
        tally.draftSeconds / tally.decodingRounds * 1e3,
        (tally.seconds - tally.draftSeconds) / tally.decodingRounds * 1e3)));
    out.println();
    out.flush();
  }
}
