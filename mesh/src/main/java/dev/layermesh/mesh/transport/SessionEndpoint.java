package dev.layermesh.mesh.transport;

import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.loop.SessionHost;
import dev.layermesh.mesh.membership.Registration;
import dev.layermesh.mesh.wire.FailureCode;
import dev.layermesh.mesh.wire.Frame;
import dev.layermesh.mesh.wire.Message.Cancel;
import dev.layermesh.mesh.wire.Message.Credit;
import dev.layermesh.mesh.wire.Message.FinalAck;
import dev.layermesh.mesh.wire.Message.OpenSession;
import dev.layermesh.mesh.wire.Message.SessionRefused;
import dev.layermesh.mesh.wire.Message.ToDraftWorker;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * The address of a draft worker that gateways open sessions at. Runs each session on a {@link SessionHost} of this
 * process.
 *
 * <p>Idempotent by (session, epoch). A session is removed when it has ended and its gateway has acknowledged that, when
 * it is cancelled, when a higher epoch of it is opened, or when its gateway sends nothing for the lease. The bus thread
 * delivers frames; a thread of the host runs the session's loop and waits for credit.
 */
public final class SessionEndpoint implements AutoCloseable {
  private static final int REMEMBERED = 4096;

  private final TransportNode node;
  private final SessionHost local;
  private final int maxSessions;
  private final SessionSpans spans;
  private final String address;
  private final FrameBus.Listening listening;
  private final List<Registration> registrations;
  private final CompletableFuture<Void> drained = new CompletableFuture<>();

  // Guarded by this.
  private final Map<Long, DraftSession> sessions = new HashMap<>();
  private final Set<DraftSession> alive = new HashSet<>(); // and removed ones whose loop has not ended
  private final Map<Long, Integer> ended = new EvictingMap<>(REMEMBERED); // epochs not to start again
  private Optional<Duration> drainLimit = Optional.empty();
  private long drainNanos;
  private boolean closed;

  /**
   * Listens at the address of a draft worker.
   *
   * @param maxSessions sessions run at most; more are refused as overload
   * @param spans spans of the sessions; the {@link RemoteVerifiers} of {@code local} use the same
   */
  public SessionEndpoint(TransportNode node, SessionHost local, int maxSessions, SessionSpans spans) {
    this.node = node;
    this.local = local;
    this.maxSessions = maxSessions;
    this.spans = spans;
    this.address = Addresses.drafter(node.id());
    this.listening = node.listen(address, this::receive);
    this.registrations = List.of(listening, node.everyTick(this::tick));
  }

  /** Completes when the whole mesh can reach this endpoint: the time to announce the worker. */
  public CompletionStage<Void> ready() {
    return listening.ready();
  }

  /** Sessions whose loop runs or whose gateway has not acknowledged their end. */
  public synchronized int sessions() {
    return alive.size();
  }

  /**
   * Refuses new sessions from now on and lets the running ones finish. Sessions that still run after {@code limit} fail
   * with {@link FailureCode#DRAINING}, so that their gateways can resume them on another worker.
   *
   * @return completes when no session is left, at the latest a few seconds after the limit
   */
  public synchronized CompletionStage<Void> drain(Duration limit) {
    if (drainLimit.isEmpty()) {
      drainLimit = Optional.of(limit);
      drainNanos = node.now();
    }
    return drained.copy();
  }

  /** Stops listening and cancels all sessions. */
  @Override
  public synchronized void close() {
    closed = true; // an open may be under way to this object already
    registrations.forEach(Registration::close);
    List.copyOf(sessions.values()).forEach(this::forget);
    drained.complete(null);
  }

  private void receive(Frame frame) {
    if (!(frame.message() instanceof ToDraftWorker message)) {
      TransportNode.dropped(address, frame);
      return;
    }
    switch (message) {
      case OpenSession open -> open(frame, open);
      case Credit credit -> credit(frame, credit);
      case Cancel cancel -> cancel(frame.key());
      case FinalAck ack -> finalAck(frame.key());
    }
  }

  private synchronized void open(Frame frame, OpenSession open) {
    SessionKey key = frame.key();
    Optional<DraftSession> held = Optional.ofNullable(sessions.get(key.session()));
    Optional<Integer> known =
        held.map(session -> session.key().epoch()).or(() -> Optional.ofNullable(ended.get(key.session())));
    if (held.isPresent() && held.get().key().equals(key)) {
      held.get().openedAgain();
    } else if (known.isPresent() && known.get() >= key.epoch()) {
      refuse(frame, FailureCode.STALE, "epoch " + known.get() + " of the session is known or over");
    } else if (closed || drainLimit.isPresent()) {
      refuse(frame, FailureCode.DRAINING, "drafter " + node.id() + " is draining");
    } else if (held.isEmpty() && sessions.size() >= maxSessions) {
      refuse(frame, FailureCode.OVERLOADED, "drafter " + node.id() + " runs " + maxSessions + " sessions");
    } else {
      held.ifPresent(this::forget);
      var session = new DraftSession(node, frame, open, spans.start(key, open.traceparent()));
      sessions.put(key.session(), session);
      alive.add(session);
      session.start(local, this::loopEnded);
    }
  }

  private synchronized void credit(Frame frame, Credit credit) {
    held(frame.key()).ifPresentOrElse(
        session -> session.credit(credit),
        () -> refuse(frame, FailureCode.UNKNOWN_SESSION, "drafter " + node.id() + " holds no such session"));
  }

  private synchronized void cancel(SessionKey key) {
    held(key).ifPresentOrElse(
        session -> {
          if (session.ended()) {
            forget(session);
          } else {
            session.cancel();
          }
        },
        () -> remember(key));
  }

  private synchronized void finalAck(SessionKey key) {
    held(key).filter(DraftSession::ended).ifPresent(this::forget);
  }

  private Optional<DraftSession> held(SessionKey key) {
    return Optional.ofNullable(sessions.get(key.session())).filter(session -> session.key().equals(key));
  }

  private synchronized void tick() {
    for (DraftSession session : List.copyOf(sessions.values())) {
      if (!session.tick()) {
        forget(session);
      }
    }
    drainLimit.ifPresent(limit -> {
      if (node.past(drainNanos, limit)) {
        String message = "drafter " + node.id() + " shuts down";
        sessions.values().forEach(session -> session.fail(FailureCode.DRAINING, message));
      }
      if (alive.isEmpty() || node.past(drainNanos, limit.plus(node.times().silence()))) {
        drained.complete(null);
      }
    });
  }

  /** Removes a session and ends it without a further message. */
  private void forget(DraftSession session) {
    remember(session.key());
    sessions.remove(session.key().session(), session);
    session.forget();
    if (session.ended()) {
      alive.remove(session);
    }
  }

  private void remember(SessionKey key) {
    ended.merge(key.session(), key.epoch(), Math::max);
  }

  /** Called when a session's caches are free, by the thread that freed them. */
  private synchronized void loopEnded(DraftSession session) {
    if (sessions.get(session.key().session()) != session) {
      alive.remove(session);
    }
  }

  private void refuse(Frame frame, FailureCode code, String message) {
    node.send(Addresses.gateway(frame.sender()), frame.key(), new SessionRefused(code, message));
  }
}
