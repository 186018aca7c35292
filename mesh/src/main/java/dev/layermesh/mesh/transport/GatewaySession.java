package dev.layermesh.mesh.transport;

import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.loop.DecodeStats;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.decoding.loop.SessionHost;
import dev.layermesh.decoding.loop.TokenSink;
import dev.layermesh.mesh.wire.FailureCode;
import dev.layermesh.mesh.wire.Message.Cancel;
import dev.layermesh.mesh.wire.Message.Credit;
import dev.layermesh.mesh.wire.Message.Failed;
import dev.layermesh.mesh.wire.Message.FinalAck;
import dev.layermesh.mesh.wire.Message.Finished;
import dev.layermesh.mesh.wire.Message.OpenSession;
import dev.layermesh.mesh.wire.Message.Prefilled;
import dev.layermesh.mesh.wire.Message.SessionOpened;
import dev.layermesh.mesh.wire.Message.SessionRefused;
import dev.layermesh.mesh.wire.Message.ToDraftWorker;
import dev.layermesh.mesh.wire.Message.ToGateway;
import dev.layermesh.mesh.wire.Message.Tokens;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One session at its gateway, the counterpart of {@link DraftSession}. Puts rounds in order, tells the worker which
 * tokens have arrived and how many more it may commit, and fails when the worker leaves or falls silent. The bus thread
 * owns its state; fields that other threads use are volatile or atomic.
 */
final class GatewaySession implements SessionHost.Session {
  private static final Logger LOG = LoggerFactory.getLogger(GatewaySession.class);
  private static final int MAX_AHEAD = 1 << 14; // tokens

  private final TransportNode node;
  private final String worker;
  private final SessionSpec spec;
  private final TokenSink sink;
  private final String traceparent;
  private final int creditWindow;
  private final Runnable onEnded;
  private final CompletableFuture<Outcome> outcome = new CompletableFuture<>();
  private final AtomicInteger acknowledged;
  private volatile boolean cancelled;
  private volatile boolean workerLeft;
  private volatile int received; // tokens after the prompt, without a gap
  private volatile int saidReceived; // the number of them in the last credit
  private volatile int credited; // tokens that the last credit allows
  private volatile long sentNanos;

  // Used by the bus thread alone, after the constructor.
  private final List<TokenIds> tokens = new ArrayList<>();
  private final InOrder<Round> rounds;
  private final Resend opening;
  private Optional<Finished> finished = Optional.empty();
  private boolean opened;
  private int prefilled;
  private long heardNanos;

  GatewaySession(
      TransportNode node, RemoteSessionHost host, SessionSpec spec, TokenSink sink, Runnable onEnded) {
    this.node = node;
    this.worker = host.worker();
    this.spec = spec;
    this.sink = sink;
    this.traceparent = host.traceparent();
    this.creditWindow = host.creditWindow();
    this.onEnded = onEnded;
    this.received = spec.committed().length();
    this.saidReceived = received;
    this.acknowledged = new AtomicInteger(received);
    this.credited = received + creditWindow;
    this.heardNanos = node.now();
    this.sentNanos = heardNanos;
    this.opening = new Resend(node);
    this.rounds = new InOrder<>(received, MAX_AHEAD, round -> round.committed().length());
    tokens.add(spec.committed());
  }

  String worker() {
    return worker;
  }

  /** Sends the first open. */
  void start() {
    send(new OpenSession(spec, creditWindow, traceparent));
  }

  @Override
  public CompletionStage<Outcome> outcome() {
    return outcome;
  }

  @Override
  public void cancel() {
    cancelled = true;
    send(new Cancel());
  }

  @Override
  public void acknowledge(int taken) {
    int known = acknowledged.accumulateAndGet(taken, Math::max);
    if (known + creditWindow - credited >= Math.max(1, creditWindow / 2)) {
      sendCredit(); // a smaller step waits for the next tick
    }
  }

  /** A worker has left the mesh; any thread. */
  void left(String id) {
    if (id.equals(worker)) {
      workerLeft = true;
    }
  }

  // Called by the bus thread.

  void told(ToGateway message) {
    heardNanos = node.now();
    opened = true;
    switch (message) {
      case SessionOpened alive -> {}
      case SessionRefused refused -> lost(refused.code(), "drafter " + worker + " refused: " + refused.message());
      case Tokens round -> take(round.round());
      case Prefilled progress -> {
        if (progress.done() > prefilled) {
          prefilled = progress.done();
          sink.prefilled(progress.done(), progress.total());
        }
      }
      case Finished end -> finished = Optional.of(end);
      case Failed failed -> {
        send(new FinalAck());
        lost(failed.code(), "drafter " + worker + ": " + failed.message());
      }
    }
    finished.filter(end -> end.committed() == received).ifPresent(this::finish);
  }

  void tick() {
    if (workerLeft) {
      lost(FailureCode.LOST, "drafter " + worker + " has left");
    } else if (node.past(heardNanos, node.times().silence())) {
      lost(FailureCode.LOST, "no sign of life of drafter " + worker + " for " + node.times().silence());
    } else if (cancelled && node.past(sentNanos, node.times().retryFrom())) {
      send(new Cancel());
      sendCredit();
    } else if (!opened && opening.due()) {
      send(new OpenSession(spec, creditWindow, traceparent));
    } else if (opened && (saidReceived != received || credit() > credited
        || node.past(sentNanos, node.times().heartbeat()))) {
      sendCredit();
    }
  }

  private void take(Round round) {
    if (round.from() < received) {
      saidReceived = round.from(); // the worker repeats it: the credit that acknowledged it was lost
      return;
    }
    rounds.put(round.from(), round);
    for (Optional<Round> next = rounds.take(); next.isPresent(); next = rounds.take()) {
      tokens.add(next.get().committed());
      received = rounds.next();
      deliver(next.get());
    }
  }

  private void deliver(Round round) {
    try {
      sink.round(round);
    } catch (InterruptedException | RuntimeException broken) {
      lost(FailureCode.INTERNAL, "its sink failed: " + broken);
      throw new IllegalStateException("sink of session " + spec.key(), broken);
    }
  }

  private void finish(Finished end) {
    send(new FinalAck());
    end();
    outcome.complete(new Outcome(end.reason(), committed(), end.stats()));
  }

  private void lost(FailureCode code, String message) {
    end();
    if (cancelled) {
      outcome.complete(new Outcome(StopReason.CANCELLED, committed(), DecodeStats.NONE));
      return;
    }
    LOG.info("session {}: {} ({})", spec.key(), message, code);
    send(new Cancel());
    outcome.completeExceptionally(new SessionLostException(code, message));
  }

  private void end() {
    finished = Optional.empty();
    onEnded.run();
  }

  private TokenIds committed() {
    return TokenIds.of(tokens.stream().flatMapToInt(each -> Arrays.stream(each.toArray())).toArray());
  }

  /** Tokens the worker may commit. */
  private int credit() {
    return (int) Math.min(Integer.MAX_VALUE, (long) acknowledged.get() + creditWindow);
  }

  private void sendCredit() {
    int has = received;
    int may = credit();
    saidReceived = has;
    credited = may;
    send(new Credit(has, Math.max(0, may - has)));
  }

  private void send(ToDraftWorker message) {
    sentNanos = node.now();
    node.send(Addresses.drafter(worker), spec.key(), message);
  }
}
