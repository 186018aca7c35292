package dev.layermesh.mesh.transport;

import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.loop.Outcome;
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
 * A gateway's way to draft workers: opens sessions there and brings their tokens back, in order, without gap or
 * repetition. Frames of sessions it does not know are answered with a cancel, so that orphans end.
 *
 * <p>Any thread may call; sinks are called and outcomes completed by the bus thread and must not block.
 */
public final class RemoteSessionHost implements AutoCloseable {

  /** A session on some draft worker. */
  public interface RemoteSession extends SessionHost.Session {

    /**
     * The client has taken {@code received} tokens after the prompt, those of earlier epochs included: the worker may
     * commit as many more beyond them as the credit window says. Cumulative; any thread.
     */
    void acknowledge(int received);

    /**
     * Completes with all tokens, or exceptionally with a {@link SessionLostException} if the session was refused, broke
     * down, or its worker left or fell silent: it may then be opened elsewhere under the next epoch.
     */
    @Override
    CompletionStage<Outcome> outcome();
  }

  private final TransportNode node;
  private final String address;
  private final FrameBus.Listening listening;
  private final List<Registration> registrations;
  private final Map<SessionKey, GatewaySession> sessions = new ConcurrentHashMap<>();

  /** Opens the address that tokens come to. */
  public RemoteSessionHost(TransportNode node) {
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
   * Opens a session.
   *
   * @param workerId the draft worker
   * @param spec all that decides its tokens; its key must be new
   * @param sink gets every round once, from the first token after {@code spec.committed()} on; called by the bus
   *     thread, must not block
   * @param traceparent W3C trace context of the request's span, or empty
   * @param creditWindow tokens the worker may commit beyond those acknowledged, at least 1
   */
  public RemoteSession open(
      String workerId, SessionSpec spec, TokenSink sink, String traceparent, int creditWindow) {
    if (creditWindow < 1) {
      throw new IllegalArgumentException("credit window " + creditWindow + ": must be 1 or more");
    }
    var session = new GatewaySession(
        node, workerId, spec, sink, traceparent, creditWindow, () -> sessions.remove(spec.key()));
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
