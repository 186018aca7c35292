package dev.layermesh.testkit;

import dev.layermesh.decoding.loop.LocalSessionHost;
import dev.layermesh.decoding.loop.LocalVerifier;
import dev.layermesh.decoding.loop.SpeculativeDecoder;
import dev.layermesh.decoding.loop.VerifierHost;
import java.time.Duration;

/** Ways to run sessions of the toy model. */
final class ToyRuns {
  static final ToyModel MODEL = ToyModel.small(2);
  static final int MAX_ROWS = 5; // so that a prompt of the tests takes several Extends

  private ToyRuns() {}

  /** On the test's thread. */
  static SessionRunner inline(VerifierHost verifiers) {
    return (spec, kind, sink) -> {
      try (var drafter = new ToyDrafter(spec, MODEL, kind);
          var verifier = new InlineVerifier(verifiers, MAX_ROWS)) {
        return new SpeculativeDecoder(spec, drafter, verifier, sink).run();
      }
    };
  }

  /** Draft and verify on threads of their own. */
  static SessionRunner threaded(VerifierHost verifiers) {
    return SessionRunner.on(
        kind -> new LocalSessionHost(
            spec -> new ToyDrafter(spec, MODEL, kind), () -> new LocalVerifier(verifiers)),
        Duration.ofSeconds(10));
  }
}
