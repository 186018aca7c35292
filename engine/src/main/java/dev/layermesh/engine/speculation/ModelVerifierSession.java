package dev.layermesh.engine.speculation;

import dev.layermesh.decoding.AcceptanceRule.Judgement;
import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.DraftWindow;
import dev.layermesh.decoding.Handoff;
import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.PrefixHash;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.VerifyReply;
import dev.layermesh.decoding.Work;
import dev.layermesh.decoding.loop.VerifierSession;
import dev.layermesh.engine.lane.LaneSession;
import dev.layermesh.engine.lane.StepResult;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Runs the late layers on a draft's exit states, or all layers on its tokens where the early ones are here too, and
 * judges. It knows the hash of every prefix it caches, and so never builds on rows of another one. Rows that a session
 * with the same tokens left are not run again. Where memory is short it answers Overloaded; where its rows had to make
 * room, Behind.
 */
final class ModelVerifierSession implements VerifierSession {
  private static final Duration FIRST_RETRY = Duration.ofMillis(2);
  private static final int MOST_DOUBLINGS = 7; // a quarter of a second

  private final SamplingParams sampling;
  private final LaneSession late;
  private final Optional<EarlyLayers> early;
  private final int exitLayer;
  private int[] ids = new int[64];
  private long[] hashes = new long[64 + 1]; // hashes[n] is the hash of the first n ids
  private int cached;
  private OptionalInt pending = OptionalInt.empty(); // the token the last verdict left at position cached
  private int shared; // blocks that others may begin with
  private boolean adopting = true; // whether others may have run what comes next
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
    this.late = late;
    this.early = early;
    this.exitLayer = exitLayer;
    hashes[0] = PrefixHash.EMPTY;
  }

  @Override
  public int cached() {
    return cached;
  }

  @Override
  public VerifyReply answer(Work work) throws InterruptedException {
    int from = work.handoff().from();
    if (from > cached) {
      // Rows in between are missing. After a verdict that can only be because it rejected what this work stands on.
      return pending.isPresent() ? new VerifyReply.Diverged(work.seq(), cached) : new VerifyReply.Behind(work.seq(), cached);
    }
    if (hashes[from] != work.parentHash() || startsOnRejectedTail(work.handoff())) {
      return new VerifyReply.Diverged(work.seq(), cached);
    }
    return switch (work) {
      case Work.Extend extend -> extend(extend);
      case DraftWindow window -> judge(window);
    };
  }

  /** The one thing the hash of earlier ids cannot tell: the first row's own token is not the one that was chosen. */
  private boolean startsOnRejectedTail(Handoff handoff) {
    return pending.isPresent() && handoff.from() == cached && handoff.ids().id(0) != pending.getAsInt();
  }

  private VerifyReply extend(Work.Extend extend) throws InterruptedException {
    Handoff handoff = extend.handoff();
    int end = handoff.from() + handoff.count();
    int at = handoff.from() + held(handoff);
    forget(at);
    note(handoff);
    pending = OptionalInt.empty();
    if (adopting && at < end) {
      cached += late.hitPrefix(at, ids(at, end)).positions();
      adopting = cached == end;
    }
    while (cached < end) {
      int to = Math.min(end, cached + late.partRows());
      switch (late.run(cached, states(handoff, cached, to), Optional.empty())) {
        case StepResult.Done _ -> {
          unanswered += to - cached;
          cached = to;
        }
        case StepResult.NoRoom _ -> {
          return overloaded(extend);
        }
        case StepResult.Preempted lost -> {
          return lost(extend, lost.cached());
        }
      }
    }
    settled();
    return new VerifyReply.Extended(extend.seq(), cached, answered());
  }

  private VerifyReply judge(DraftWindow window) throws InterruptedException {
    Handoff handoff = window.handoff();
    int from = handoff.from();
    int end = from + handoff.count();
    forget(from);
    note(handoff);
    return switch (late.run(from, states(handoff, from, end), Optional.of(sampling))) {
      case StepResult.Done(_, List<Distribution> targets) -> {
        unanswered += handoff.count();
        yield verdict(window, targets);
      }
      case StepResult.NoRoom _ -> overloaded(window);
      case StepResult.Preempted lost -> lost(window, lost.cached());
    };
  }

  private VerifyReply verdict(DraftWindow window, List<Distribution> targets) {
    Judgement judgement =
        sampling.acceptance().judge(window.tokens(), targets, window.base(), sampling.random());
    int end = window.handoff().from() + window.handoff().count();
    cached = Math.min(end, window.base() + judgement.accepted());
    pending = judgement.next().isPresent()
        ? judgement.next()
        : OptionalInt.of(window.tokens().getLast().id());
    settled();
    return new VerifyReply.Verdict(window.seq(), judgement.accepted(), judgement.next(), answered());
  }

  /** How many of the first rows are cached already. */
  private int held(Handoff handoff) {
    int from = handoff.from();
    int held = 0;
    while (held < handoff.count() && from + held < cached && ids[from + held] == handoff.ids().id(held)) {
      held++;
    }
    return held;
  }

  /** Positions from {@code length} on are to be written anew. */
  private void forget(int length) {
    if (length < cached) {
      cached = length;
      pending = OptionalInt.empty();
      shared = Math.min(shared, length / late.blockPositions());
    }
  }

  /** Writes down which tokens the rows are of; they count as held only once they have run. */
  private void note(Handoff handoff) {
    int from = handoff.from();
    int end = from + handoff.count();
    if (end > ids.length) {
      ids = Arrays.copyOf(ids, Math.max(2 * ids.length, end));
      hashes = Arrays.copyOf(hashes, ids.length + 1);
    }
    for (int position = from; position < end; position++) {
      ids[position] = handoff.ids().id(position - from);
      hashes[position + 1] = PrefixHash.extend(hashes[position], ids[position]);
    }
  }

  private TokenIds ids(int from, int to) {
    return TokenIds.of(Arrays.copyOfRange(ids, from, to));
  }

  /** Exit states of positions {@code from} to {@code to} (exclusive). */
  private HiddenRows states(Handoff handoff, int from, int to) throws InterruptedException {
    return switch (handoff) {
      case Handoff.ExitStates exit when exit.exitLayer() == exitLayer ->
          exit.rows().slice(from - exit.from(), to - exit.from());
      case Handoff.ExitStates exit -> throw new IllegalStateException(
          "exit states after layer " + exit.exitLayer() + " for a verifier from layer " + exitLayer + " on");
      case Handoff.Tokens _ -> {
        EarlyLayers layers = early.orElseThrow(() -> new IllegalStateException(
            "tokens alone for a verifier without layers below " + exitLayer));
        layers.truncate(Math.min(layers.length(), from));
        int missing = to - layers.length();
        layers.extend(ids(layers.length(), to), missing);
        yield layers.states(from, to);
      }
    };
  }

  /** A work is done: full blocks may serve others. */
  private void settled() {
    refusals = 0;
    int positions = late.blockPositions();
    while (late.sharesPrefixes() && (shared + 1) * positions <= cached) {
      late.share(shared, ids(shared * positions, (shared + 1) * positions), Optional.empty());
      shared++;
    }
  }

  private int answered() {
    int rows = unanswered;
    unanswered = 0;
    return rows;
  }

  private VerifyReply overloaded(Work work) {
    Duration retryAfter = FIRST_RETRY.multipliedBy(1L << Math.min(refusals, MOST_DOUBLINGS));
    refusals++;
    return new VerifyReply.Overloaded(work.seq(), retryAfter);
  }

  /** The cache holds no more than {@code left} positions, and what it finds among shared blocks. */
  private VerifyReply lost(Work work, int left) throws InterruptedException {
    int before = cached;
    forget(Math.min(cached, left));
    pending = OptionalInt.empty();
    cached += late.hitPrefix(cached, ids(cached, before)).positions();
    shared = cached / late.blockPositions();
    adopting = true;
    return new VerifyReply.Behind(work.seq(), cached);
  }

  @Override
  public void close() {
    late.close();
    early.ifPresent(EarlyLayers::close);
  }
}
