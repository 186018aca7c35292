package dev.layermesh.system;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopRule;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.decoding.loop.LocalSessionHost;
import dev.layermesh.decoding.loop.LocalVerifier;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.SessionHost;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.speculation.DraftModel;
import dev.layermesh.engine.speculation.VerifyModel;
import java.util.concurrent.atomic.AtomicLong;

/** Both sides of a model in this JVM, and their tokens without a mesh between them. */
final class SplitModel implements AutoCloseable {
  private final DraftModel draft;
  private final VerifyModel verify;
  private final AtomicLong sessions = new AtomicLong();

  private SplitModel(DraftModel draft, VerifyModel verify) {
    this.draft = draft;
    this.verify = verify;
  }

  static SplitModel open(EngineOptions options) {
    return new SplitModel(draft(options), verify(options));
  }

  /** The same options without prefix sharing: every session runs all its rows itself, so that they can be counted. */
  static EngineOptions unshared(EngineOptions options) {
    return options.withKv(options.kv().unshared());
  }

  /** Another draft side. */
  static DraftModel draft(EngineOptions options) {
    return DraftModel.open(options, (done, total) -> {});
  }

  /** Another verify side. */
  static VerifyModel verify(EngineOptions options) {
    return VerifyModel.open(options, false, (done, total) -> {});
  }

  DraftModel draft() {
    return draft;
  }

  VerifyModel verify() {
    return verify;
  }

  int contextLength() {
    return draft.model().config().maxPositions();
  }

  int vocabSize() {
    return draft.model().config().vocabSize();
  }

  /** A new session that no token ends. */
  SessionSpec spec(TokenIds prompt, int maxTokens, SamplingParams sampling, WindowPolicy window) {
    return fresh(new SessionSpec(
        new SessionKey(0, 0), prompt, new StopRule(TokenIds.empty(), maxTokens, contextLength()), sampling, window));
  }

  /** The same session under a key that no other has. */
  SessionSpec fresh(SessionSpec spec) {
    var key = new SessionKey(sessions.incrementAndGet(), 0);
    return new SessionSpec(key, spec.prompt(), spec.stops(), spec.sampling(), spec.window());
  }

  /** Runs a session without a mesh. */
  Outcome alone(SessionSpec spec) {
    return local().open(spec, _ -> {}).outcome().toCompletableFuture().join();
  }

  /** The tokens of a session when nothing is drafted. */
  TokenIds autoregressive(SessionSpec spec) {
    return alone(new SessionSpec(
        spec.key(), spec.prompt(), spec.stops(), spec.sampling(), WindowPolicy.AUTOREGRESSIVE)).committed();
  }

  private SessionHost local() {
    return new LocalSessionHost(draft::drafter, () -> new LocalVerifier(verify));
  }

  @Override
  public void close() {
    draft.close();
    verify.close();
  }
}
