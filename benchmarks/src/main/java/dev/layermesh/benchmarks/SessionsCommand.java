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
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * Tokens per second of many sessions together against those of one. It counts tokens committed while all sessions
 * decode: from when the last of them has its first token until the first of them ends.
 */
@Command(
    name = "sessions",
    mixinStandardHelpOptions = true,
    description = "Tokens/s of many sessions at once ÷ tokens/s of one, in turns.",
    footer = {"", "Example:",
        "  benchmarks/run.sh sessions --model MODEL.gguf --exit-layer 4 --sessions 8,32 --windows 0,2 --oracle 0.8"})
final class SessionsCommand implements Callable<Integer> {

  @Mixin
  private ModelOptions model;

  @Option(names = "--exit-layer", paramLabel = "E", description = "Exit layer (default: the checkpoint's own).")
  private Optional<Integer> exitLayer = Optional.empty();

  @Option(names = "--sessions", paramLabel = "LIST", split = ",", defaultValue = "8,32",
      description = "Sessions at once, beside 1 (default: ${DEFAULT-VALUE}).")
  private List<Integer> sessions;

  @Option(names = "--windows", paramLabel = "LIST", split = ",", defaultValue = "0",
      description = "Draft tokens in a window (default: ${DEFAULT-VALUE}).")
  private List<Integer> windows;

  @Option(names = "--oracle", paramLabel = "P",
      description = "Draft the right token with this probability, else a wrong one (default: what the layers say).")
  private Optional<Double> oracle = Optional.empty();

  @Option(names = "--max-tokens", paramLabel = "N", defaultValue = "32",
      description = "Tokens of a continuation (default: ${DEFAULT-VALUE}).")
  private int maxTokens;

  @Option(names = "--rounds", paramLabel = "N", defaultValue = "3",
      description = "Rounds over everything; one more, unprinted, comes first (default: ${DEFAULT-VALUE}).")
  private int rounds;

  @Spec
  private CommandSpec spec;

  /** So many sessions at once, with a window. */
  private record Way(int sessions, int window) {}

  /** The results of a way, a number for each round. */
  private record Tally(List<Double> tokensPerSecond, List<Double> ratios) {
    Tally() {
      this(new ArrayList<>(), new ArrayList<>());
    }
  }

  @Override
  public Integer call() throws InterruptedException {
    PrintWriter out = spec.commandLine().getOut();
    var exit = exitLayer.map(OptionalInt::of).orElse(OptionalInt.empty());
    try (SplitModel split = SplitModel.open(model.engine(exit))) {
      out.println(Machine.describe(split.identity(), model.threads()));
      Map<Way, Tally> tallies = new LinkedHashMap<>();
      tallies.put(new Way(1, 0), new Tally());
      windows.forEach(window -> sessions.forEach(count -> tallies.put(new Way(count, window), new Tally())));
      int most = sessions.stream().mapToInt(Integer::intValue).max().orElse(1);
      List<TokenIds> prompts = Workload.prompts(model.model(), split.identity(), most);
      List<TokenIds> said = new ArrayList<>();
      run(split, prompts, said, 0, most).forEach(decoded -> said.add(decoded.tokens()));
      for (int i = 0; i <= rounds; i++) {
        round(split, prompts, said, tallies, i > 0);
      }
      print(out, tallies);
    }
    return 0;
  }

  private void round(
      SplitModel split, List<TokenIds> prompts, List<TokenIds> said, Map<Way, Tally> tallies, boolean counts)
      throws InterruptedException {
    double one = 0;
    for (Map.Entry<Way, Tally> each : tallies.entrySet()) {
      Way way = each.getKey();
      List<Decoded> all = run(split, prompts, said, way.window(), way.sessions());
      for (int i = 0; i < all.size(); i++) {
        Lossless.assertSameTokens(said.get(i), all.get(i).tokens());
      }
      double rate = tokensPerSecond(all);
      one = one == 0 ? rate : one;
      if (counts) {
        each.getValue().tokensPerSecond().add(rate);
        each.getValue().ratios().add(rate / one);
      }
    }
  }

  /** Runs sessions at once, each on a virtual thread of its own. */
  private List<Decoded> run(SplitModel split, List<TokenIds> prompts, List<TokenIds> said, int window, int count)
      throws InterruptedException {
    var stops = new StopRule(TokenIds.empty(), maxTokens, split.identity().config().maxPositions());
    List<Future<Decoded>> running = new ArrayList<>();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < count; i++) {
        TokenIds prompt = prompts.get(i);
        DraftChoice choice = oracle.isPresent() && window > 0
            ? new Oracle(prompt.concat(said.get(i)), oracle.get(), i)
            : DraftChoice.sampled(SamplingParams.GREEDY);
        var session = new SessionSpec(
            split.newKey(), prompt, stops, SamplingParams.GREEDY, WindowPolicy.sequential(window));
        running.add(threads.submit(() -> split.decode(session, choice)));
      }
    }
    List<Decoded> all = new ArrayList<>();
    for (Future<Decoded> each : running) {
      try {
        all.add(each.get());
      } catch (ExecutionException failed) {
        throw new IllegalStateException("a session of " + count + " failed", failed);
      }
    }
    return all;
  }

  private static double tokensPerSecond(List<Decoded> all) {
    long from = all.stream().mapToLong(Decoded::firstNanos).max().orElseThrow();
    long to = all.stream().mapToLong(Decoded::lastNanos).min().orElseThrow();
    if (to <= from) {
      throw new IllegalStateException("the sessions never ran all at once: raise --max-tokens");
    }
    return all.stream().mapToInt(decoded -> decoded.tokensWithin(from, to)).sum() / ((to - from) / 1e9);
  }

  private static void print(PrintWriter out, Map<Way, Tally> tallies) {
    out.println();
    out.println("| sessions | window | tokens/s of all | ÷ one session, window 0 |");
    out.println("|---|---|---|---|");
    tallies.forEach((way, tally) -> out.println(String.format(Locale.ROOT, "| %d | %d | %.1f | %s |",
        way.sessions(), way.window(), Medians.median(tally.tokensPerSecond()), Medians.spread(tally.ratios()))));
    out.println();
    out.flush();
  }
}
