package dev.layermesh.mesh.transport;

import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.loop.Verifier;
import dev.layermesh.mesh.membership.Registration;
import dev.layermesh.mesh.membership.WorkerAd;
import dev.layermesh.mesh.wire.Frame;
import dev.layermesh.mesh.wire.Message.CloseVerifier;
import dev.layermesh.mesh.wire.Message.ToDrafter;
import dev.layermesh.mesh.wire.Message.VerifierClosed;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/**
 * The verifier sessions that a draft worker has at verify workers. Makes the {@link Verifier} of each session and owns
 * the one address that replies arrive at. Thread-safe; the bus thread delivers frames.
 */
public final class RemoteVerifiers implements AutoCloseable {
  private static final int MAX_CHUNK_BYTES = 256 * 1024;
  private static final int MIN_ROWS = 65; // the largest window: 64 draft tokens and the pending one
  private static final int MAX_ROWS = 1024;
  private static final int CLOSE_REPEATS = 5; // 7 s with the default times; the lease ends the session anyway

  /** A session that a worker is asked to free. */
  private record Closing(SessionKey key, String worker, int opening) {}

  private final TransportNode node;
  private final Function<Set<String>, Optional<WorkerAd>> placement;
  private final Function<SessionKey, String> traceparents;
  private final int maxRows;
  private final String address;
  private final FrameBus.Listening listening;
  private final List<Registration> registrations;
  private final Map<SessionKey, RemoteVerifier> sessions = new ConcurrentHashMap<>();
  private final Map<Closing, Resend> closings = new ConcurrentHashMap<>();

  /**
   * Listens at the address for replies.
   *
   * @param placement the verify worker for a session, other than the suspects given; called by the bus thread, must not
   *     block
   * @param traceparents trace context of a session's span, see {@link SessionSpans#traceparent}
   * @param hiddenSize elements of a row, which bounds the rows of a message
   */
  public RemoteVerifiers(
      TransportNode node,
      Function<Set<String>, Optional<WorkerAd>> placement,
      Function<SessionKey, String> traceparents,
      int hiddenSize) {
    this.node = node;
    this.placement = placement;
    this.traceparents = traceparents;
    this.maxRows = Math.clamp(MAX_CHUNK_BYTES / (hiddenSize * Float.BYTES), MIN_ROWS, MAX_ROWS);
    this.address = Addresses.replies(node.id());
    this.listening = node.listen(address, this::receive);
    this.registrations = List.of(listening, node.everyTick(this::tick), node.workers().onLeave(this::left));
  }

  /** Completes when replies can arrive: the time to announce the worker. */
  public CompletionStage<Void> ready() {
    return listening.ready();
  }

  /** A verifier for one session, not open yet. */
  public Verifier verifier() {
    return new RemoteVerifier(this);
  }

  /** Sessions that are open, or being opened or closed, at a verifier. */
  public int sessions() {
    return sessions.size() + closings.size();
  }

  /** Closes the address; sessions still open are lost. */
  @Override
  public void close() {
    sessions.values().forEach(RemoteVerifier::close);
    registrations.forEach(Registration::close);
  }

  TransportNode node() {
    return node;
  }

  int maxRows() {
    return maxRows;
  }

  Optional<WorkerAd> place(Set<String> suspects) {
    return placement.apply(Set.copyOf(suspects));
  }

  String traceparent(SessionKey key) {
    return traceparents.apply(key);
  }

  void opened(SessionKey key, RemoteVerifier verifier) {
    if (sessions.putIfAbsent(key, verifier) != null) {
      throw new IllegalStateException("session " + key + " opened twice");
    }
  }

  void closed(SessionKey key, RemoteVerifier verifier) {
    sessions.remove(key, verifier);
  }

  /** Asks a worker to free a session, and repeats that until it answers, leaves, or the repeats are used up. */
  void closeAt(String worker, SessionKey key, int opening) {
    var closing = new Closing(key, worker, opening);
    closings.put(closing, new Resend(node));
    sendClose(closing);
  }

  private void sendClose(Closing closing) {
    node.send(Addresses.verifier(closing.worker()), closing.key(), new CloseVerifier(closing.opening()));
  }

  private void receive(Frame frame) {
    if (!(frame.message() instanceof ToDrafter message)) {
      TransportNode.dropped(address, frame);
    } else if (message instanceof VerifierClosed closed) {
      closings.remove(new Closing(frame.key(), frame.sender(), closed.opening()));
    } else {
      Optional.ofNullable(sessions.get(frame.key())).ifPresent(verifier -> verifier.told(frame.sender(), message));
    }
  }

  private void tick() {
    sessions.values().forEach(RemoteVerifier::tick);
    closings.forEach((closing, resend) -> {
      if (!resend.due()) {
        return;
      }
      if (resend.repeats() > CLOSE_REPEATS) {
        closings.remove(closing);
      } else {
        sendClose(closing);
      }
    });
  }

  private void left(String worker) {
    closings.keySet().removeIf(closing -> closing.worker().equals(worker));
    sessions.values().forEach(verifier -> verifier.left(worker));
  }
}
