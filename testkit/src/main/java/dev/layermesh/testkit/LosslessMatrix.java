package dev.layermesh.testkit;

import dev.layermesh.decoding.AcceptanceRule;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopRule;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Runs {drafter} × {windows in flight, tail, window} × {greedy, sampled} × {ways to stop} and compares every run, token
 * by token, with autoregressive decoding. It takes a way to run sessions and a way to know their right tokens; every
 * transport, engine and strategy passes the same matrix.
 *
 * @param runner the way under test
 * @param autoregressive the tokens of a session when nothing is drafted
 * @param drafters kinds of drafter to run with
 * @param windows how far to draft ahead
 * @param samplings how to choose tokens; none under classic speculative sampling unless greedy, which keeps the
 *     distribution and not the tokens
 */
public record LosslessMatrix(
    SessionRunner runner,
    Function<SessionSpec, TokenIds> autoregressive,
    List<DrafterKind> drafters,
    List<WindowPolicy> windows,
    List<SamplingParams> samplings) {
  private static final int TOKENS = 24;
  private static final TokenIds NO_EOS = TokenIds.empty();

  public LosslessMatrix {
    drafters = List.copyOf(drafters);
    windows = List.copyOf(windows);
    samplings = List.copyOf(samplings);
    for (SamplingParams sampling : samplings) {
      if (!sampling.greedy() && !sampling.acceptance().equals(AcceptanceRule.SHARED_NOISE)) {
        throw new IllegalArgumentException("classic sampling does not keep tokens: " + sampling);
      }
    }
  }

  /** The whole matrix: four drafters, 1, 2 and 3 windows in flight with tail and without, windows 0, 1, 2, 4 and 8. */
  public static LosslessMatrix full(SessionRunner runner, Function<SessionSpec, TokenIds> autoregressive) {
    return new LosslessMatrix(
        runner,
        autoregressive,
        DrafterKind.adversaries(),
        windows(List.of(1, 2, 3), List.of(0, 1, 2, 4, 8)),
        List.of(SamplingParams.GREEDY, sampled()));
  }

  /** A part of it for slow ways: 1 and 2 windows in flight, windows of 0 and 3. */
  public static LosslessMatrix small(SessionRunner runner, Function<SessionSpec, TokenIds> autoregressive) {
    return new LosslessMatrix(
        runner,
        autoregressive,
        DrafterKind.adversaries(),
        windows(List.of(1, 2), List.of(0, 3)),
        List.of(SamplingParams.GREEDY, sampled()));
  }

  /** Every combination, with a tail and without. */
  public static List<WindowPolicy> windows(List<Integer> inFlight, List<Integer> draftTokens) {
    List<WindowPolicy> windows = new ArrayList<>();
    for (int m : inFlight) {
      for (int k : draftTokens) {
        windows.add(new WindowPolicy(k, m, false));
        windows.add(new WindowPolicy(k, m, true));
      }
    }
    return windows;
  }

  private static SamplingParams sampled() {
    return new SamplingParams(0.9, 11, 0.95, 4711, AcceptanceRule.SHARED_NOISE);
  }

  /**
   * Runs every cell.
   *
   * @param prompt at least two tokens
   * @param contextLength of the model; the prompt and 24 tokens must fit
   * @param unusedId an id the model knows and never says in these runs, or any other
   * @return the number of sessions compared
   * @throws AssertionError at the first difference, naming the cell
   */
  public int assertLossless(TokenIds prompt, int contextLength, int unusedId) {
    int runs = 0;
    for (SamplingParams sampling : samplings) {
      for (Map.Entry<String, SessionSpec> stop : stops(prompt, contextLength, unusedId, sampling).entrySet()) {
        TokenIds expected = autoregressive.apply(stop.getValue());
        for (WindowPolicy window : windows) {
          for (DrafterKind drafter : drafters) {
            runs++;
            SessionSpec base = stop.getValue();
            var spec = new SessionSpec(
                new SessionKey(runs, 0), base.prompt(), base.stops(), base.sampling(), window);
            LosslessRun.check(runner, spec, drafter, expected, stop.getKey());
          }
        }
      }
    }
    return runs;
  }

  /** Sessions that stop in every possible way, made from the tokens that the model says without a stop. */
  private Map<String, SessionSpec> stops(
      TokenIds prompt, int contextLength, int unusedId, SamplingParams sampling) {
    TokenIds free = autoregressive.apply(spec(prompt, new StopRule(NO_EOS, TOKENS, contextLength), sampling));
    int late = firstSaidAfter(free, 3);
    Map<String, SessionSpec> stops = new LinkedHashMap<>();
    stops.put("token limit", spec(prompt, new StopRule(NO_EOS, TOKENS, contextLength), sampling));
    stops.put("one token", spec(prompt, new StopRule(NO_EOS, 1, contextLength), sampling));
    stops.put("EOS first", spec(prompt, new StopRule(TokenIds.of(free.id(0)), TOKENS, contextLength), sampling));
    stops.put("EOS inside", spec(prompt, new StopRule(TokenIds.of(late), TOKENS, contextLength), sampling));
    stops.put(
        "one of two EOS ids", spec(prompt, new StopRule(TokenIds.of(unusedId, late), TOKENS, contextLength), sampling));
    stops.put(
        "one-token prompt", spec(prompt.slice(0, 1), new StopRule(NO_EOS, TOKENS, contextLength), sampling));
    stops.put("full context", spec(prompt, new StopRule(NO_EOS, 10_000, prompt.length() + 7), sampling));
    return stops;
  }

  /** The first token at index {@code least} or later that was not said before it; the last one if there is none. */
  private static int firstSaidAfter(TokenIds said, int least) {
    for (int i = least; i < said.length(); i++) {
      if (!said.slice(0, i).contains(said.id(i))) {
        return said.id(i);
      }
    }
    return said.id(said.length() - 1);
  }

  private static SessionSpec spec(TokenIds prompt, StopRule stops, SamplingParams sampling) {
    return new SessionSpec(new SessionKey(0, 0), prompt, stops, sampling, WindowPolicy.AUTOREGRESSIVE);
  }
}
