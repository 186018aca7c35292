package dev.layermesh.benchmarks;

import dev.layermesh.decoding.DraftChoice;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.loop.LocalVerifier;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.decoding.loop.SpeculativeDecoder;
import dev.layermesh.decoding.loop.TokenSink;
import dev.layermesh.decoding.loop.Verifier;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.speculation.CoLocatedModel;
import dev.layermesh.engine.speculation.ModelIdentity;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/** A model as {@code layermesh generate} runs it, both sides in this JVM, and sessions over it. Thread-safe. */
final class SplitModel implements AutoCloseable {
  private static final Duration WARM_UP = Duration.ofSeconds(3);

  private final CoLocatedModel sides;
  private final AtomicLong sessions = new AtomicLong();

  private SplitModel(CoLocatedModel sides) {
    this.sides = sides;
  }

  /** Loads a model and compiles its kernels. */
  static SplitModel open(EngineOptions options) throws InterruptedException {
    CoLocatedModel sides = CoLocatedModel.open(options, (_, _) -> {});
    sides.draft().warmUp(WARM_UP);
    sides.verify().warmUp(WARM_UP);
    return new SplitModel(sides);
  }

  ModelIdentity identity() {
    return sides.draft().model();
  }

  /** A key for one more session. */
  SessionKey newKey() {
    return new SessionKey(sessions.incrementAndGet(), 0);
  }

  /** Runs a session whose drafter follows its sampling. */
  Decoded decode(SessionSpec spec) {
    return decode(spec, DraftChoice.sampled(spec.sampling()));
  }

  /** Runs a session whose drafter proposes by {@code choice}. */
  Decoded decode(SessionSpec spec, DraftChoice choice) {
    var clock = new Clock();
    Outcome outcome;
    double draftSeconds;
    try (var drafter = new TimedDrafter(sides.draft().drafter(spec, choice));
        Verifier verifier = new LocalVerifier(sides.verify())) {
      outcome = new SpeculativeDecoder(spec, drafter, verifier, clock).run();
      draftSeconds = drafter.seconds();
    }
    return new Decoded(outcome.committed(), outcome.stats(), clock.beats, draftSeconds);
  }

  /** Notes when rounds came. */
  private static final class Clock implements TokenSink {
    private final List<Decoded.Beat> beats = new ArrayList<>();

    @Override
    public void round(Round round) {
      beats.add(new Decoded.Beat(System.nanoTime(), round.committed().length()));
    }
  }

  @Override
  public void close() {
    sides.close();
  }
}
