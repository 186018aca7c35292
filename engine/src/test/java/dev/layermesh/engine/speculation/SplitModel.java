package dev.layermesh.engine.speculation;

import dev.layermesh.decoding.DraftChoice;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopRule;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.decoding.loop.Drafter;
import dev.layermesh.decoding.loop.LocalVerifier;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.SpeculativeDecoder;
import dev.layermesh.decoding.loop.TokenSink;
import dev.layermesh.decoding.loop.Verifier;
import dev.layermesh.engine.EngineOptions;

/** Both sides of a model in one process, as tests need them. */
record SplitModel(DraftModel draft, VerifyModel verify) implements AutoCloseable {

  static SplitModel open(EngineOptions options) {
    return new SplitModel(
        DraftModel.open(options, (done, total) -> {}), VerifyModel.open(options, false, (done, total) -> {}));
  }

  /** A session that no token ends. */
  SessionSpec spec(TokenIds prompt, int maxTokens, SamplingParams sampling, WindowPolicy window) {
    var stops = new StopRule(TokenIds.empty(), maxTokens, draft.model().config().maxPositions());
    return new SessionSpec(new SessionKey(1, 0), prompt, stops, sampling, window);
  }

  Outcome run(SessionSpec spec, TokenSink sink) {
    return run(spec, DraftChoice.sampled(spec.sampling()), sink);
  }

  Outcome run(SessionSpec spec, DraftChoice choice, TokenSink sink) {
    try (Drafter drafter = draft.drafter(spec, choice);
        Verifier verifier = new LocalVerifier(verify)) {
      return new SpeculativeDecoder(spec, drafter, verifier, sink).run();
    }
  }

  @Override
  public void close() {
    draft.close();
    verify.close();
  }
}
