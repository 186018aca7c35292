package dev.layermesh.mesh.transport;

import dev.layermesh.decoding.HostLostException;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.loop.DecodeStats;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.decoding.loop.SessionHost;
import dev.layermesh.decoding.loop.TokenSink;
import dev.layermesh.mesh.telemetry.Spans;
import dev.layermesh.mesh.wire.FailureCode;
import dev.layermesh.mesh.wire.Frame;
import dev.layermesh.mesh.wire.Message.Credit;
import dev.layermesh.mesh.wire.Message.Failed;
import dev.layermesh.mesh.wire.Message.Finished;
import dev.layermesh.mesh.wire.Message.OpenSession;
import dev.layermesh.mesh.wire.Message.Prefilled;
import dev.layermesh.mesh.wire.Message.SessionOpened;
import dev.layermesh.mesh.wire.Message.ToGateway;
import dev.layermesh.mesh.wire.Message.Tokens;
import io.opentelemetry.api.trace.Span;
import io.vertx.core.buffer.Buffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One session at a draft worker, the counterpart of {@link GatewaySession}. Keeps rounds and the final message, and
 * sends them again, until the gateway has acknowledged them. Blocks the loop, which calls {@link #round}, while it has
 * no credit. {@code this} guards the state.
 */
final class DraftSession implements TokenSink {
  private static final Logger LOG = LoggerFactory.getLogger(DraftSession.class);

  /** A round's frame, and how many tokens there are after the prompt with it. */
  private record Unreceived(int end, Buffer frame) {}

  private final TransportNode node;
  private final SessionKey key;
  private final SessionSpec spec;
  private final String gateway;
  private final SessionSpans.Running span;
  private final Span prefill;

  // Guarded by this.
  private final Deque<Unreceived> unreceived = new ArrayDeque<>();
  private Optional<SessionHost.Session> running = Optional.empty();
  private Optional<Buffer> last = Optional.empty(); // the final message
  private boolean cancelled;
  private boolean forgotten;
  private boolean loopEnded;
  private int committed; // tokens after the prompt
  private int received; // of them at the gateway
  private int limit; // of them at most
  private long heardNanos;
  private long sentNanos; // anything
  private final Resend resend; // of all that is unreceived

  DraftSession(TransportNode node, Frame frame, OpenSession open, SessionSpans.Running span) {
    this.node = node;
    this.key = frame.key();
    this.spec = open.spec();
    this.gateway = frame.sender();
    this.span = span;
    this.prefill = span.child(Spans.PREFILL_DRAFT);
    this.committed = spec.committed().length();
    this.received = committed;
    this.limit = sum(committed, open.window());
    this.heardNanos = node.now();
    this.resend = new Resend(node);
  }

  SessionKey key() {
    return key;
  }

  /** Opens the session on {@code host}, on a virtual thread because that may block. */
  void start(SessionHost host, Consumer<DraftSession> onEnded) {
    send(new SessionOpened());
    Thread.ofVirtual().name("open-" + key).start(() -> {
      SessionHost.Session session;
      try {
        session = host.open(spec, this);
      } catch (RuntimeException refused) {
        ended(Optional.empty(), refused, onEnded);
        return;
      }
      started(session);
      session.outcome().whenComplete((outcome, failure) -> ended(Optional.ofNullable(outcome), failure, onEnded));
    });
  }

  private synchronized void started(SessionHost.Session session) {
    running = Optional.of(session);
    if (cancelled) {
      session.cancel();
    }
  }

  // Called by the loop.

  @Override
  public synchronized void round(Round round) throws InterruptedException {
    prefill.end(); // a prompt of one token is never reported as prefilled
    committed = round.from() + round.committed().length();
    Buffer frame = node.encode(key, new Tokens(round));
    if (unreceived.isEmpty()) {
      resend.restart();
    }
    unreceived.add(new Unreceived(committed, frame));
    transmit(frame);
    while (committed >= limit && !cancelled) {
      wait();
    }
    if (cancelled) {
      throw new InterruptedException("session " + key + " is cancelled"); // the loop must end now, not at its next wait
    }
  }

  @Override
  public synchronized void prefilled(int done, int total) {
    send(new Prefilled(done, total));
    if (done == total) {
      prefill.end();
    }
  }

  private void ended(Optional<Outcome> outcome, Throwable failure, Consumer<DraftSession> onEnded) {
    prefill.end();
    outcome.ifPresent(ended -> {
      DecodeStats stats = ended.stats();
      span.count(stats.rounds(), stats.draftTokens(), stats.acceptedTokens(), stats.earlyRows());
    });
    ToGateway message = outcome
        .<ToGateway>map(ended -> new Finished(ended.reason(), ended.committed().length(), ended.stats()))
        .orElseGet(() -> failed(failure));
    span.end();
    finish(message);
    onEnded.accept(this);
  }

  private Failed failed(Throwable failure) {
    var lost = SessionLostException.of(failure);
    Throwable cause = lost.getCause() == null ? lost : lost.getCause();
    span.fail(cause);
    if (lost.code() == FailureCode.INTERNAL && !(cause instanceof HostLostException)) {
      LOG.error("session {} failed", key, cause);
    }
    return new Failed(lost.code(), lost.getMessage());
  }

  private synchronized void finish(ToGateway message) {
    if (last.isEmpty()) {
      last = Optional.of(node.encode(key, message));
      resend.restart();
      if (!forgotten) {
        transmit(last.get());
      }
    }
    running = Optional.empty();
    loopEnded = true;
  }

  // Called by the endpoint.

  /** Whether the loop has ended and its caches are free. */
  synchronized boolean ended() {
    return loopEnded;
  }

  synchronized void openedAgain() {
    heardNanos = node.now();
    send(new SessionOpened());
  }

  synchronized void credit(Credit credit) {
    heardNanos = node.now();
    if (credit.received() > committed) {
      LOG.warn("session {}: {} has received {} tokens of {}", key, gateway, credit.received(), committed);
      return;
    }
    if (credit.received() > received) {
      received = credit.received();
      resend.restart();
    }
    while (!unreceived.isEmpty() && unreceived.peek().end() <= received) {
      unreceived.remove();
    }
    limit = Math.max(limit, sum(credit.received(), credit.window()));
    notifyAll();
    if (node.past(sentNanos, node.times().heartbeat().dividedBy(2))) {
      send(new SessionOpened());
    }
  }

  synchronized void cancel() {
    heardNanos = node.now();
    stop();
  }

  /** Ends the session because of the worker. */
  synchronized void fail(FailureCode code, String message) {
    if (last.isEmpty()) {
      last = Optional.of(node.encode(key, new Failed(code, message)));
      resend.restart();
      transmit(last.get());
    }
    stop();
  }

  /** Ends the session without a further message. */
  synchronized void forget() {
    forgotten = true;
    stop();
  }

  private void stop() {
    cancelled = true;
    notifyAll();
    running.ifPresent(SessionHost.Session::cancel);
  }

  /** Sends again what is due; false if the gateway has sent nothing for the lease. */
  synchronized boolean tick() {
    if (node.past(heardNanos, node.times().sessionLease())) {
      LOG.info("session {}: {} sent nothing for {}", key, gateway, node.times().sessionLease());
      return false;
    }
    if ((!unreceived.isEmpty() || last.isPresent()) && resend.due()) {
      unreceived.forEach(each -> transmit(each.frame()));
      last.ifPresent(this::transmit);
    }
    return true;
  }

  /** Saturates: a credit window may be any number. */
  private static int sum(int received, int window) {
    return (int) Math.min(Integer.MAX_VALUE, (long) received + window);
  }

  private void send(ToGateway message) {
    transmit(node.encode(key, message));
  }

  private synchronized void transmit(Buffer frame) {
    sentNanos = node.now();
    node.bus().send(Addresses.gateway(gateway), frame);
  }
}
