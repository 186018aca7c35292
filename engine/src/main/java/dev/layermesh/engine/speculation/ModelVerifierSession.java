package dev.layermesh.engine.speculation;

import dev.layermesh.decoding.AcceptanceRule.Judgement;
import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.DraftWindow;
import dev.layermesh.decoding.Handoff;
import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.VerifyReply;
import dev.layermesh.decoding.Work;
import dev.layermesh.decoding.loop.VerifierSession;
import dev.layermesh.engine.lane.LaneSession;
import dev.layermesh.engine.lane.StepResult;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Runs the late layers on a draft's exit states, or all layers on its tokens where the early ones are here too, and
 * judges. It compares the hash of the prefix that a work continues with that of its own rows, and so never continues
 * rows of another prefix. It answers Overloaded when memory is short, and Behind when the lane preempted it.
 */
final class ModelVerifierSession implements VerifierSession {
  private static final Duration FIRST_RETRY = Duration.ofMillis(2);
  private static final int MOST_DOUBLINGS = 7; // a quarter of a second

  private final SamplingParams sampling;
  private final CachedRows rows; // of the late layers
  private final Optional<EarlyLayers> early;
  private final int exitLayer;
  private OptionalInt pending = OptionalInt.empty(); // the token that the last verdict chose for the next position
  private int unanswered; // rows run for work that was refused in the end
  private int refusals; // in a row

  /**
   * An empty session.
   *
   * @param late layers from {@code exitLayer} on
   * @param early layers below it, for drafters that hand over tokens alone
   */
  ModelVerifierSession(SamplingParams sampling, LaneSession late, Optional<EarlyLayers> early, int exitLayer) {
    this.sampling = sampling;
    this.rows = new CachedRows(late);
    this.early = early;
    this.exitLayer = exitLayer;
  }

  @Override
  public int cached() {
    return rows.cached();
  }

  @Override
  public VerifyReply answer(Work work) throws InterruptedException {
    int cached = rows.cached();
    int from = work.handoff().from();
    if (from > cached) {
      // Rows in between are missing. After a verdict the reason can only be that it rejected this work's prefix.
      return pending.isPresent()
          ? new VerifyReply.Diverged(work.seq(), cached)
          : new VerifyReply.Behind(work.seq(), cached);
    }
    if (rows.tokens().hash(from) != work.parentHash() || startsOnRejectedTail(work.handoff())) {
      return new VerifyReply.Diverged(work.seq(), cached);
    }
    return switch (work) {
      case Work.Extend extend -> extend(extend);
      case DraftWindow window -> judge(window);
    };
  }

  /** The hash of earlier ids does not cover the first row's own token: here it is not the one that was chosen. */
  private boolean startsOnRejectedTail(Handoff handoff) {
    return pending.isPresent() && handoff.from() == rows.cached() && handoff.ids().id(0) != pending.getAsInt();
  }

  private VerifyReply extend(Work.Extend extend) throws InterruptedException {
    Handoff handoff = extend.handoff();
    int from = handoff.from();
    int end = from + handoff.count();
    rows.truncate(from + known(handoff));
    pending = OptionalInt.empty();
    rows.hitPrefix(handoff.ids().slice(rows.length() - from, handoff.count()));
    while (rows.length() < end) {
      int at = rows.length();
      int to = Math.min(end, at + rows.partRows());
      switch (run(handoff, at, to, Optional.empty())) {
        case StepResult.Done _ -> {}
        case StepResult.NoRoom _ -> {
          return overloaded(extend);
        }
        case StepResult.Preempted _ -> {
          return preempted(extend);
        }
      }
    }
    settled();
    return new VerifyReply.Extended(extend.seq(), rows.cached(), answered());
  }

  /** How many of the first rows are cached already, with the same tokens. */
  private int known(Handoff handoff) {
    int from = handoff.from();
    int known = 0;
    while (known < handoff.count() && from + known < rows.cached()
        && rows.tokens().id(from + known) == handoff.ids().id(known)) {
      known++;
    }
    return known;
  }

  private VerifyReply judge(DraftWindow window) throws InterruptedException {
    Handoff handoff = window.handoff();
    int from = handoff.from();
    if (from < rows.cached()) {
      rows.truncate(from);
      pending = OptionalInt.empty();
    }
    return switch (run(handoff, from, from + handoff.count(), Optional.of(sampling))) {
      case StepResult.Done(List<Distribution> targets) -> verdict(window, targets);
      case StepResult.NoRoom _ -> overloaded(window);
      case StepResult.Preempted _ -> preempted(window);
    };
  }

  private VerifyReply verdict(DraftWindow window, List<Distribution> targets) {
    Judgement judgement =
        sampling.acceptance().judge(window.tokens(), targets, window.base(), sampling.random());
    rows.truncate(window.base() + judgement.accepted());
    pending = judgement.next().isPresent()
        ? judgement.next()
        : OptionalInt.of(window.tokens().getLast().id());
    settled();
    return new VerifyReply.Verdict(window.seq(), judgement.accepted(), judgement.next(), answered());
  }

  /** Runs the handoff's rows at positions {@code from} to {@code to} (exclusive). */
  private StepResult run(Handoff handoff, int from, int to, Optional<SamplingParams> ask) throws InterruptedException {
    TokenIds ids = handoff.ids().slice(from - handoff.from(), to - handoff.from());
    StepResult result = rows.run(ids, states(handoff, ids, from), ask);
    if (result instanceof StepResult.Done) {
      unanswered += ids.length();
    }
    return result;
  }

  /** Exit states of {@code ids}, a part of the handoff's rows from position {@code from} on. */
  private HiddenRows states(Handoff handoff, TokenIds ids, int from) throws InterruptedException {
    return switch (handoff) {
      case Handoff.ExitStates exit when exit.exitLayer() == exitLayer ->
          exit.rows().slice(from - exit.from(), from - exit.from() + ids.length());
      case Handoff.ExitStates exit -> throw new IllegalStateException(
          "exit states after layer " + exit.exitLayer() + " for a verifier from layer " + exitLayer + " on");
      case Handoff.Tokens _ -> {
        EarlyLayers layers = early.orElseThrow(() -> new IllegalStateException(
            "tokens alone for a verifier without layers below " + exitLayer));
        layers.truncateTo(rows.tokens(), from);
        TokenIds missing = rows.tokens().slice(layers.length(), from).concat(ids);
        layers.extend(missing, missing.length());
        yield layers.states(from, from + ids.length());
      }
    };
  }

  /** A work is done: other sessions may use its full blocks. */
  private void settled() {
    refusals = 0;
    rows.share(rows.cached(), CachedRows.BlockStates.NONE);
  }

  private int answered() {
    int count = unanswered;
    unanswered = 0;
    return count;
  }

  private VerifyReply overloaded(Work work) {
    Duration retryAfter = FIRST_RETRY.multipliedBy(1L << Math.min(refusals, MOST_DOUBLINGS));
    refusals++;
    return new VerifyReply.Overloaded(work.seq(), retryAfter);
  }

  /** Asks for the rows again that the lane no longer caches. */
  private VerifyReply preempted(Work work) {
    rows.truncate(rows.cached());
    pending = OptionalInt.empty();
    return new VerifyReply.Behind(work.seq(), rows.cached());
  }

  @Override
  public void close() {
    rows.close();
    early.ifPresent(EarlyLayers::close);
  }
}
