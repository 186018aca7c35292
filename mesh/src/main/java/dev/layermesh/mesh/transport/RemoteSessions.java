package dev.layermesh.mesh.transport;

import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.loop.SessionHost;
import dev.layermesh.decoding.loop.TokenSink;
import dev.layermesh.mesh.membership.Registration;
import dev.layermesh.mesh.wire.Frame;
import dev.layermesh.mesh.wire.Message.Cancel;
import dev.layermesh.mesh.wire.Message.SessionRefused;
import dev.layermesh.mesh.wire.Message.ToGateway;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The sessions that a gateway runs on draft workers. Owns the one address that tokens arrive at and hands out a
 * {@link SessionHost} for each draft worker. Each session puts its rounds in order and drops repeats. A frame of an
 * unknown session is answered with a cancel, so that the worker ends it.
 *
 * <p>Any thread may call. The bus thread calls sinks and completes outcomes; a sink must not block.
 */
public final class RemoteSessions implements AutoCloseable {
  private final TransportNode node;
  private final String address;
  private final FrameBus.Listening listening;
  private final List<Registration> registrations;
  private final Map<SessionKey, GatewaySession> sessions = new ConcurrentHashMap<>();

  /** Opens the address that tokens come to. */
  public RemoteSessions(TransportNode node) {
    this.node = node;
    this.address = Addresses.gateway(node.id());
    this.listening = node.listen(address, this::receive);
    this.registrations = List.of(
        listening,
        node.everyTick(() -> sessions.values().forEach(GatewaySession::tick)),
        node.workers().onLeave(id -> sessions.values().forEach(session -> session.left(id))));
  }

  /** Completes when tokens can arrive: the time to accept clients. */
  public CompletionStage<Void> ready() {
    return listening.ready();
  }

  /**
   * A draft worker that sessions can be opened on; costs nothing until one is. A session's outcome fails with a
   * {@link SessionLostException} when the worker refused it, failed, left the mesh or fell silent: the session may then
   * be opened on another worker under the next epoch.
   *
   * @param workerId the draft worker
   * @param creditWindow tokens the worker may commit beyond those acknowledged, at least 1
   * @param traceparent W3C trace context of the span that the worker's span belongs to, or empty
   */
  public SessionHost host(String workerId, int creditWindow, String traceparent) {
    return new RemoteSessionHost(this, workerId, creditWindow, traceparent);
  }

  /** Opens a session; the key of its spec must be new. */
  SessionHost.Session open(RemoteSessionHost host, SessionSpec spec, TokenSink sink) {
    var session = new GatewaySession(node, host, spec, sink, () -> sessions.remove(spec.key()));
    if (sessions.putIfAbsent(spec.key(), session) != null) {
      throw new IllegalStateException("session " + spec.key() + " opened twice");
    }
    session.start();
    return session;
  }

  /** Sessions that have not ended. */
  public int sessions() {
    return sessions.size();
  }

  /** Closes the address and cancels all sessions; their outcomes never complete. */
  @Override
  public void close() {
    sessions.values().forEach(GatewaySession::cancel);
    registrations.forEach(Registration::close);
  }

  private void receive(Frame frame) {
    if (!(frame.message() instanceof ToGateway message)) {
      TransportNode.dropped(address, frame);
      return;
    }
    GatewaySession session = sessions.get(frame.key());
    if (session != null && session.worker().equals(frame.sender())) {
      session.told(message);
    } else if (!(message instanceof SessionRefused)) {
      node.send(Addresses.drafter(frame.sender()), frame.key(), new Cancel());
    }
  }
}
