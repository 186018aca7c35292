package dev.layermesh.testkit;

import dev.layermesh.decoding.DraftChoice;
import dev.layermesh.decoding.DraftToken;
import dev.layermesh.decoding.PositionRandom;
import dev.layermesh.decoding.PositionRandom.Purpose;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.TokenIds;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/** Makes a real model's drafter behave as a {@link DrafterKind}: it knows the target's tokens. Thread-safe. */
public final class DraftOracle {
  private final Function<SessionSpec, TokenIds> autoregressive;
  private final int vocabSize;
  private final Map<Question, TokenIds> known = new ConcurrentHashMap<>();

  /** What decides a session's tokens. */
  private record Question(TokenIds prompt, Object stops, Object sampling) {}

  /**
   * An oracle.
   *
   * @param autoregressive the tokens of a session when nothing is drafted
   * @param vocabSize ids are below it
   */
  public DraftOracle(Function<SessionSpec, TokenIds> autoregressive, int vocabSize) {
    this.autoregressive = autoregressive;
    this.vocabSize = vocabSize;
  }

  /** What the target says after the prompt of {@code spec}. */
  public TokenIds continuation(SessionSpec spec) {
    var question = new Question(spec.prompt(), spec.stops(), spec.sampling());
    return known.computeIfAbsent(question, _ -> autoregressive.apply(spec));
  }

  /** What a drafter of a kind proposes in this session. */
  public DraftChoice choice(SessionSpec spec, DrafterKind kind) {
    TokenIds truth = continuation(spec);
    return (q, position) -> {
      int index = position - spec.prompt().length();
      int right = index < truth.length() ? truth.id(index) : 0;
      int any = (int) (new PositionRandom(kind.ordinal()).uniform(Purpose.DRAFT, position, 0) * vocabSize);
      TokenIds eos = spec.stops().eosIds();
      return switch (kind) {
        case PERFECT -> DraftToken.certain(right);
        case ALWAYS_WRONG -> DraftToken.certain((right + 1) % vocabSize);
        case RANDOM -> DraftToken.certain(any);
        case EOS_SPAMMING -> DraftToken.certain(eos.isEmpty() || position % 2 == 0 ? right : eos.id(0));
        case PLAUSIBLE -> DraftToken.certain(position % 4 == 0 ? any : right);
        case EMPTY -> throw new IllegalArgumentException("a drafter with a model proposes something: " + kind);
      };
    };
  }
}
