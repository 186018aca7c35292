package dev.layermesh.engine.speculation;

import dev.layermesh.decoding.AcceptanceRule.Judgement;
import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.DraftWindow;
import dev.layermesh.decoding.Handoff;
import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.PrefixHash;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.VerifierSession;
import dev.layermesh.decoding.VerifyReply;
import dev.layermesh.decoding.Work;
import dev.layermesh.engine.lane.LaneSession;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Runs the late layers on a draft's exit states, or all layers on its tokens where the early ones are here too, and
 * judges. It knows the hash of every prefix it caches, and so never builds on rows of another one.
 */
final class ModelVerifierSession implements VerifierSession {
  private final SamplingParams sampling;
  private final LaneSession late;
  private final Optional<LaneSession> early;
  private final int exitLayer;
  private long[] hashes = new long[64]; // hashes[n] is the hash of the first n ids
  private int has;
  private OptionalInt pending = OptionalInt.empty(); // the token the last verdict left at position has

  /**
   * An empty session.
   *
   * @param late layers from {@code exitLayer} on
   * @param early layers below it, for drafters that hand over tokens alone
   */
  ModelVerifierSession(SamplingParams sampling, LaneSession late, Optional<LaneSession> early, int exitLayer) {
    this.sampling = sampling;
    this.late = late;
    this.early = early;
    this.exitLayer = exitLayer;
    hashes[0] = PrefixHash.EMPTY;
  }

  @Override
  public int has() {
    return has;
  }

  @Override
  public VerifyReply answer(Work work) throws InterruptedException {
    int from = work.handoff().from();
    if (from > has) {
      // Rows in between are missing. After a verdict that can only be because it rejected what this work stands on.
      return pending.isPresent() ? new VerifyReply.Diverged(work.seq(), has) : new VerifyReply.Behind(work.seq(), has);
    }
    if (hashes[from] != work.parentHash() || startsOnRejectedTail(work.handoff())) {
      return new VerifyReply.Diverged(work.seq(), has);
    }
    HiddenRows states = states(work.handoff());
    return switch (work) {
      case Work.Extend extend -> {
        late.extend(from, states);
        remember(from, extend.handoff().ids());
        pending = OptionalInt.empty();
        yield new VerifyReply.Extended(extend.seq(), has, states.count());
      }
      case DraftWindow window -> {
        List<Distribution> targets = late.judge(from, states, sampling);
        remember(from, window.handoff().ids());
        yield judge(window, targets);
      }
    };
  }

  /** The one thing the hash of earlier ids cannot tell: the first row's own token is not the one that was chosen. */
  private boolean startsOnRejectedTail(Handoff handoff) {
    return pending.isPresent() && handoff.from() == has && handoff.ids().id(0) != pending.getAsInt();
  }

  private VerifyReply judge(DraftWindow window, List<Distribution> targets) {
    Judgement judgement =
        sampling.acceptance().judge(window.tokens(), targets, window.base(), sampling.random());
    has = Math.min(has, window.base() + judgement.accepted());
    pending = judgement.next().isPresent()
        ? judgement.next()
        : OptionalInt.of(window.tokens().getLast().id());
    return new VerifyReply.Verdict(window.seq(), judgement.accepted(), judgement.next(), targets.size());
  }

  private HiddenRows states(Handoff handoff) throws InterruptedException {
    return switch (handoff) {
      case Handoff.ExitStates exit when exit.exitLayer() == exitLayer -> exit.rows();
      case Handoff.ExitStates exit -> throw new IllegalStateException(
          "exit states after layer " + exit.exitLayer() + " for a verifier from layer " + exitLayer + " on");
      case Handoff.Tokens tokens -> {
        LaneSession lane = early.orElseThrow(() -> new IllegalStateException(
            "tokens alone for a verifier without layers below " + exitLayer));
        var rows = new ExitQueryCache();
        lane.extend(tokens.from(), tokens.ids()).forEach(rows::append);
        yield rows.copy(0, rows.length());
      }
    };
  }

  private void remember(int from, TokenIds ids) {
    has = from + ids.length();
    if (has >= hashes.length) {
      hashes = Arrays.copyOf(hashes, Math.max(2 * hashes.length, has + 1));
    }
    for (int i = 0; i < ids.length(); i++) {
      hashes[from + i + 1] = PrefixHash.extend(hashes[from + i], ids.id(i));
    }
  }

  @Override
  public void close() {
    late.close();
    early.ifPresent(LaneSession::close);
  }
}
