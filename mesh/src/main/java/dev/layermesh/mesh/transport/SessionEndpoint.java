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
 * A draft worker's door: runs the sessions that gateways across the bus ask for on a {@link SessionHost} of this
 * process.
 *
 * <p>Idempotent by (session, epoch). A session leaves when it has ended and its gateway knows, when it is cancelled,
 * when a higher epoch of it is opened, or when its gateway is not heard of for the lease. The bus thread calls in; a
 * session's loop runs, and waits for credit, on a thread of its host.
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
  private final Set<DraftSession> alive = new HashSet<>(); // those, and forgotten ones whose loop has not ended
  private final Map<Long, Integer> ended = new EvictingMap<>(REMEMBERED); // epochs that must not be opened again
  private Optional<Duration> drainLimit = Optional.empty();
  private long drainNanos;
  private boolean closed;

  /**
   * Opens the door.
   *
   * @param maxSessions sessions run at most; more are refused as overload
   * @param spans the same that lend their context to the {@link RemoteVerifiers} of {@code local}
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

  /** Sessions whose loop runs or whose gateway does not know yet how they ended. */
  public synchronized int sessions() {
    return alive.size();
  }

  /**
   * Refuses new sessions from now on and lets those held finish. What still runs after {@code limit} is ended with
   * {@link FailureCode#DRAINING}, so that its gateway can go on elsewhere.
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

  /** Closes the door and cancels all sessions. */
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

  /** Ends a session of which nobody wants to know any more. */
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
