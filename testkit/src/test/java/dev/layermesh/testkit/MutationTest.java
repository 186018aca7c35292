package dev.layermesh.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.Handoff;
import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.TokenList;
import dev.layermesh.decoding.TokenSequence;
import dev.layermesh.decoding.VerifyReply.Verdict;
import dev.layermesh.decoding.Work;
import dev.layermesh.decoding.loop.Drafter;
import dev.layermesh.decoding.loop.SpeculativeDecoder;
import dev.layermesh.decoding.loop.VerifierHost;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import java.util.function.BiFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Tests of the matrix itself: each breaks one thing that a real engine could get wrong, and the matrix must fail. Where
 * the fault reaches the tokens, the verifier does not audit its rows, so that the comparison alone has to find it.
 */
@Timeout(60)
class MutationTest {
  private static final TokenIds PROMPT = TokenIds.of(3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8);
  private static final int CONTEXT = 64;
  private static final int UNUSED = 12;
  private static final ToyModel MODEL = ToyRuns.MODEL;

  @Test
  void shouldPassWhenNothingIsBroken() {
    VerifierHost sound = (key, sampling) -> new Session(key, sampling, false);
    assertThat(matrix(ToyRuns.inline(sound)).assertLossless(PROMPT, CONTEXT, UNUSED)).isEqualTo(1680);
  }

  @Test
  void shouldCatchAVerifierThatForgetsOneRowTooFew() {
    assertCaught("tokens differ", (key, sampling) -> new Session(key, sampling, false) {
      @Override
      void truncate(TokenList cache, int length) {
        cache.truncate(length + 1);
      }
    });
  }

  @Test
  void shouldCatchAVerifierThatForgetsOneRowTooMany() {
    assertCaught("diverged", (key, sampling) -> new Session(key, sampling, false) {
      @Override
      void truncate(TokenList cache, int length) {
        cache.truncate(length < cache.length() ? length - 1 : length);
      }
    });
  }

  @Test
  void shouldCatchAVerifierThatKeepsARejectedRow() {
    assertCaught("tokens differ", (key, sampling) -> new Session(key, sampling, false) {
      private final TokenList everything = new TokenList(); // the longest it ever was, never overwritten

      @Override
      void store(TokenList cache, ToyRow row) {
        if (cache.length() == everything.length()) {
          everything.append(row.id());
        }
        cache.append(everything.id(cache.length()));
      }
    });
  }

  @Test
  void shouldCatchAVerifierThatDoesNotCheckThePrefixOfAWindow() {
    assertCaught("holds rejected token", (key, sampling) -> new Session(key, sampling, true) {
      @Override
      boolean standsOnWhatIsCommitted(Work work) {
        return true;
      }
    });
  }

  @Test
  void shouldCatchAVerifierThatComparesTheHashOfThePrefixAlone() {
    assertCaught("holds rejected token", (key, sampling) -> new Session(key, sampling, true) {
      @Override
      boolean standsOnWhatIsCommitted(Work work) {
        return work.parentHash() == committedHash(work.handoff().from());
      }
    });
  }

  @Test
  void shouldCatchAVerifierThatDrawsWithTheNoiseOfAnotherSeed() {
    assertCaught("tokens differ", (key, sampling) -> new Session(key, otherSeed(sampling), false));
  }

  @Test
  void shouldCatchADrafterThatForgetsOneRowTooFew() {
    assertCaught("the cache holds other tokens", drafting((spec, kind) -> shifted(spec, kind, 1), true));
  }

  @Test
  void shouldCatchADrafterThatForgetsOneRowTooMany() {
    assertCaught("was run before", drafting((spec, kind) -> shifted(spec, kind, -1), true));
  }

  @Test
  void shouldCatchExitStatesOfARejectedPrefixByTheirTokensAlone() {
    assertCaught("tokens differ", drafting((spec, kind) -> new StaleRows(new ToyDrafter(spec, MODEL, kind)), false));
  }

  @Test
  void shouldCatchExitStatesOfARejectedPrefixInTheAudit() {
    assertCaught(
        "on the committed prefix it would be",
        drafting((spec, kind) -> new StaleRows(new ToyDrafter(spec, MODEL, kind)), true));
  }

  @Test
  void shouldCatchADrafterThatDrawsWithTheNoiseOfAnotherSeed() {
    assertCaught(
        "counters of a drafter that is PERFECT",
        drafting((spec, kind) -> new ToyDrafter(otherSeed(spec), MODEL, kind), true));
  }

  private static Drafter shifted(SessionSpec spec, DrafterKind kind, int shift) {
    return new ToyDrafter(spec, MODEL, kind) {
      @Override
      void forget(int position) {
        super.forget(position + shift);
      }
    };
  }

  private static SessionSpec otherSeed(SessionSpec spec) {
    return new SessionSpec(spec.key(), spec.prompt(), spec.stops(), otherSeed(spec.sampling()), spec.window());
  }

  private static SamplingParams otherSeed(SamplingParams sampling) {
    return new SamplingParams(
        sampling.temperature(), sampling.topK(), sampling.topP(), sampling.seed() + 1, sampling.acceptance());
  }

  private static SessionRunner drafting(BiFunction<SessionSpec, DrafterKind, Drafter> drafters, boolean audited) {
    return (spec, kind, sink) -> {
      VerifierHost verifiers = (key, sampling) -> new Session(key, sampling, audited);
      try (Drafter drafter = drafters.apply(spec, kind);
          var verifier = new InlineVerifier(verifiers, ToyRuns.MAX_ROWS)) {
        return new SpeculativeDecoder(spec, drafter, verifier, sink).run();
      }
    };
  }

  private static void assertCaught(String message, VerifierHost broken) {
    assertCaught(message, ToyRuns.inline(broken));
  }

  private static void assertCaught(String message, SessionRunner broken) {
    assertThatThrownBy(() -> matrix(broken).assertLossless(PROMPT, CONTEXT, UNUSED))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining(message);
  }

  private static LosslessMatrix matrix(SessionRunner runner) {
    return LosslessMatrix.full(runner, MODEL::autoregressive);
  }

  private static class Session extends ToyVerifierSession {
    Session(SessionKey key, SamplingParams sampling, boolean audited) {
      super(key, MODEL, sampling, audited, () -> {});
    }
  }

  /** An exit-query cache that never overwrites a row: after a correction it hands out stale ones. */
  private record StaleRows(ToyDrafter drafter, Map<Integer, byte[]> first) implements Drafter {
    StaleRows(ToyDrafter drafter) {
      this(drafter, new HashMap<>());
    }

    @Override
    public Handoff extend(TokenSequence known, int from, int to) {
      return stale(drafter.extend(known, from, to));
    }

    @Override
    public Draft draft(TokenSequence known, int tokens, boolean tail) {
      Draft draft = drafter.draft(known, tokens, tail);
      return new Draft(stale(draft.handoff()), draft.tokens());
    }

    private Handoff stale(Handoff fresh) {
      var states = (Handoff.ExitStates) fresh;
      int rowBytes = states.rows().width() * states.rows().type().bytes();
      byte[] bytes = new byte[rowBytes * states.count()];
      for (int i = 0; i < states.count(); i++) {
        byte[] row = states.rows().bytes().asSlice((long) rowBytes * i, rowBytes).toArray(ValueLayout.JAVA_BYTE);
        byte[] kept = first.computeIfAbsent(states.from() + i, position -> row);
        System.arraycopy(kept, 0, bytes, rowBytes * i, rowBytes);
      }
      var rows = new HiddenRows.Host(
          states.count(), states.rows().width(), states.rows().type(), MemorySegment.ofArray(bytes));
      return new Handoff.ExitStates(states.from(), states.ids(), states.exitLayer(), rows);
    }

    @Override
    public void observe(TokenSequence committed, Verdict verdict) {
      drafter.observe(committed, verdict);
    }

    @Override
    public long rowsRun() {
      return drafter.rowsRun();
    }

    @Override
    public void close() {
      drafter.close();
    }
  }
}
