package dev.layermesh.testkit;

import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.loop.DecodeStats;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.decoding.loop.TokenSink;

/** Compares one session with the expected tokens, and checks its rounds, its stop reason and its counters. */
final class LosslessRun {
  private LosslessRun() {}

  /** Runs {@code spec}; an error names the session, the drafter and {@code situation}. */
  static Outcome check(
      SessionRunner runner, SessionSpec spec, DrafterKind drafter, TokenIds expected, String situation) {
    try {
      var told = new Told(spec.committed());
      Outcome outcome = runner.run(spec, drafter, told);
      Lossless.assertSameTokens(expected, outcome.committed());
      Lossless.assertSameTokens(expected, told.tokens);
      checkReason(spec, outcome);
      checkCounters(drafter, outcome.stats());
      return outcome;
    } catch (Exception | AssertionError failure) {
      throw new AssertionError(
          "%s, drafter %s, %s, prompt of %d: %s"
              .formatted(situation, drafter, spec.window(), spec.prompt().length(), failure.getMessage()),
          failure);
    }
  }

  private static void checkReason(SessionSpec spec, Outcome outcome) {
    TokenIds said = outcome.committed();
    boolean eos = !said.isEmpty() && spec.stops().eosIds().contains(said.id(said.length() - 1));
    StopReason expected = eos ? StopReason.EOS : StopReason.LENGTH;
    if (outcome.reason() != expected) {
      throw new AssertionError("ended with " + outcome.reason() + ", should be " + expected);
    }
  }

  /** If a perfect drafter is ever rejected, or a wrong one ever accepted, the noise is wrong. */
  private static void checkCounters(DrafterKind drafter, DecodeStats stats) {
    boolean plausible = switch (drafter) {
      case PERFECT -> stats.acceptedTokens() == stats.draftTokens();
      case ALWAYS_WRONG -> stats.acceptedTokens() == 0;
      case EMPTY -> stats.draftTokens() == 0;
      case RANDOM, EOS_SPAMMING, PLAUSIBLE -> stats.acceptedTokens() <= stats.draftTokens();
    };
    if (!plausible) {
      throw new AssertionError("counters of a drafter that is " + drafter + ": " + stats);
    }
  }

  /** The rounds that the sink received, in order and without gaps. */
  private static final class Told implements TokenSink {
    private TokenIds tokens;

    private Told(TokenIds earlier) {
      tokens = earlier;
    }

    @Override
    public void round(Round round) {
      if (round.from() != tokens.length() || round.committed().isEmpty()) {
        throw new AssertionError("round from " + round.from() + " after " + tokens.length() + " tokens: " + round);
      }
      tokens = tokens.concat(round.committed());
    }
  }
}
