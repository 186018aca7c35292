package dev.layermesh.mesh.transport;

import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.VerifyReply.StaleEpoch;
import dev.layermesh.decoding.loop.VerifierHost;
import dev.layermesh.mesh.membership.Registration;
import dev.layermesh.mesh.wire.FailureCode;
import dev.layermesh.mesh.wire.Frame;
import dev.layermesh.mesh.wire.Message.CloseVerifier;
import dev.layermesh.mesh.wire.Message.KeepAlive;
import dev.layermesh.mesh.wire.Message.NoSession;
import dev.layermesh.mesh.wire.Message.OpenVerifier;
import dev.layermesh.mesh.wire.Message.Reply;
import dev.layermesh.mesh.wire.Message.ToDrafter;
import dev.layermesh.mesh.wire.Message.ToVerifier;
import dev.layermesh.mesh.wire.Message.VerifierClosed;
import dev.layermesh.mesh.wire.Message.VerifierRefused;
import dev.layermesh.mesh.wire.Message.Work;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionStage;

/**
 * The address of a verify worker that drafters send their work to. Opens their sessions on a {@link VerifierHost} of
 * this process.
 *
 * <p>Idempotent by (session, epoch, seq): each work runs once, in order, and its reply is kept for repeats. A session
 * is freed when its drafter closes it, opens it again, leaves the mesh, or sends nothing for the lease. A lower epoch
 * than the known one is refused. The bus thread delivers frames; each session answers on a virtual thread of its own.
 */
public final class VerifyEndpoint implements AutoCloseable {
  private static final int REMEMBERED = 4096;

  /** Which opening of a session: a later one replaces an earlier one. */
  record Incarnation(int epoch, int opening) {
    boolean after(Incarnation other) {
      return epoch > other.epoch || (epoch == other.epoch && opening > other.opening);
    }
  }

  private final TransportNode node;
  private final VerifierHost host;
  private final int maxSessions;
  private final SessionSpans spans;
  private final String address;
  private final FrameBus.Listening listening;
  private final List<Registration> registrations;

  // Guarded by this.
  private final Map<Long, ServedVerifier> sessions = new HashMap<>();
  private final Map<Long, Incarnation> ended = new EvictingMap<>(REMEMBERED); // a late open must not start them again
  private int live; // sessions whose caches are not free yet
  private boolean draining;

  /**
   * Listens at the address of a verify worker.
   *
   * @param maxSessions sessions held at most; more are refused as overload
   */
  public VerifyEndpoint(TransportNode node, VerifierHost host, int maxSessions, SessionSpans spans) {
    this.node = node;
    this.host = host;
    this.maxSessions = maxSessions;
    this.spans = spans;
    this.address = Addresses.verifier(node.id());
    this.listening = node.listen(address, this::receive);
    this.registrations =
        List.of(listening, node.everyTick(this::endSilent), node.workers().onLeave(this::endSessionsOf));
  }

  /** Completes when the whole mesh can reach this endpoint: the time to announce the worker. */
  public CompletionStage<Void> ready() {
    return listening.ready();
  }

  /** Sessions whose caches are not free. */
  public synchronized int sessions() {
    return live;
  }

  /** Refuses new sessions from now on; open ones continue. */
  public synchronized void drain() {
    draining = true;
  }

  /** Stops listening and ends all sessions. */
  @Override
  public synchronized void close() {
    draining = true;
    registrations.forEach(Registration::close);
    List.copyOf(sessions.values()).forEach(this::end);
  }

  private void receive(Frame frame) {
    if (!(frame.message() instanceof ToVerifier message)) {
      TransportNode.dropped(address, frame);
      return;
    }
    switch (message) {
      case OpenVerifier open -> open(frame, open);
      case Work work -> work(frame, work);
      case KeepAlive keepAlive -> keepAlive(frame, keepAlive);
      case CloseVerifier close -> close(frame, close);
    }
  }

  private synchronized void open(Frame frame, OpenVerifier open) {
    SessionKey key = frame.key();
    var asked = new Incarnation(key.epoch(), open.opening());
    Optional<ServedVerifier> held = Optional.ofNullable(sessions.get(key.session()));
    Optional<Incarnation> known =
        held.map(ServedVerifier::incarnation).or(() -> Optional.ofNullable(ended.get(key.session())));
    if (known.isPresent() && known.get().epoch() > asked.epoch()) {
      refuse(frame, open, FailureCode.STALE, "epoch " + known.get().epoch() + " is known");
    } else if (held.isPresent() && held.get().incarnation().equals(asked)) {
      held.get().openedAgain();
    } else if (known.isPresent() && !asked.after(known.get())) {
      return; // an open that a later one has overtaken
    } else if (draining) {
      refuse(frame, open, FailureCode.DRAINING, "verifier " + node.id() + " is draining");
    } else if (held.isEmpty() && sessions.size() >= maxSessions) {
      refuse(frame, open, FailureCode.OVERLOADED, "verifier " + node.id() + " holds " + maxSessions + " sessions");
    } else {
      held.ifPresent(this::end);
      var session = new ServedVerifier(node, frame, open, spans.start(key, open.traceparent()));
      sessions.put(key.session(), session);
      live++;
      session.start(host, this::ended);
    }
  }

  private synchronized void work(Frame frame, Work work) {
    SessionKey key = frame.key();
    int seq = work.work().seq();
    ServedVerifier held = sessions.get(key.session());
    if (held != null && held.incarnation().epoch() == key.epoch()) {
      held.offer(work.work());
    } else if (epochKnown(key) > key.epoch()) {
      reply(frame, new Reply(new StaleEpoch(seq)));
    } else {
      reply(frame, new NoSession(seq));
    }
  }

  private int epochKnown(SessionKey key) {
    ServedVerifier held = sessions.get(key.session());
    Incarnation last = held == null ? ended.get(key.session()) : held.incarnation();
    return last == null ? 0 : last.epoch();
  }

  private synchronized void keepAlive(Frame frame, KeepAlive keepAlive) {
    ServedVerifier held = sessions.get(frame.key().session());
    if (held != null && held.incarnation().epoch() == frame.key().epoch()) {
      held.heard();
    } else {
      reply(frame, new NoSession(keepAlive.seq()));
    }
  }

  private synchronized void close(Frame frame, CloseVerifier close) {
    var asked = new Incarnation(frame.key().epoch(), close.opening());
    ServedVerifier held = sessions.get(frame.key().session());
    if (held == null) {
      remember(frame.key().session(), asked);
    } else if (!held.incarnation().after(asked)) {
      end(held);
      remember(frame.key().session(), asked);
    }
    reply(frame, new VerifierClosed(close.opening()));
  }

  private synchronized void endSilent() {
    for (ServedVerifier session : List.copyOf(sessions.values())) {
      if (session.silentFor(node.times().verifierLease())) {
        end(session);
      }
    }
  }

  private synchronized void endSessionsOf(String drafterId) {
    for (ServedVerifier session : List.copyOf(sessions.values())) {
      if (session.drafter().equals(drafterId)) {
        end(session);
      }
    }
  }

  /** Removes a session and asks its thread to free its caches. */
  private void end(ServedVerifier session) {
    sessions.remove(session.key().session(), session);
    remember(session.key().session(), session.incarnation());
    session.end();
  }

  /** Called by a session's thread when its caches are free. */
  private synchronized void ended(ServedVerifier session) {
    live--;
    if (sessions.remove(session.key().session(), session)) {
      remember(session.key().session(), session.incarnation());
    }
  }

  private void remember(long session, Incarnation incarnation) {
    ended.merge(session, incarnation, (known, other) -> other.after(known) ? other : known);
  }

  private void refuse(Frame frame, OpenVerifier open, FailureCode code, String message) {
    reply(frame, new VerifierRefused(open.opening(), code, message));
  }

  private void reply(Frame frame, ToDrafter message) {
    node.send(Addresses.replies(frame.sender()), frame.key(), message);
  }
}
