package dev.layermesh.mesh.transport;

import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.loop.Verifier;
import dev.layermesh.mesh.membership.Registration;
import dev.layermesh.mesh.membership.WorkerAd;
import dev.layermesh.mesh.wire.Frame;
import dev.layermesh.mesh.wire.Message.CloseVerifier;
import dev.layermesh.mesh.wire.Message.ToDrafter;
import dev.layermesh.mesh.wire.Message.VerifierClosed;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/**
 * A draft worker's way to verify workers: makes the {@link Verifier} of each session and owns the one address their
 * replies come to. Thread-safe; the bus thread calls in.
 */
public final class RemoteVerifiers implements AutoCloseable {
  private static final int MAX_CHUNK_BYTES = 256 * 1024;
  private static final int MIN_ROWS = 65; // the largest window: 64 draft tokens and the pending one
  private static final int MAX_ROWS = 1024;
  private static final int CLOSE_ATTEMPTS = 20;

  /** A session at a worker that is to be freed there. */
  private record Closing(SessionKey key, String worker, int opening) {}

  /** How often a close was sent, and when last. */
  private record Attempt(int number, long sentNanos) {}

  private final TransportNode node;
  private final Function<Set<String>, Optional<WorkerAd>> placement;
  private final Function<SessionKey, String> traceparents;
  private final int maxRows;
  private final String address;
  private final FrameBus.Listening listening;
  private final List<Registration> registrations;
  private final Map<SessionKey, RemoteVerifier> sessions = new ConcurrentHashMap<>();
  private final Map<Closing, Attempt> closings = new ConcurrentHashMap<>();

  /**
   * Opens the replies' address.
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

  /** A way to a verifier for one session, not open yet. */
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

  /** Closes what a worker may hold, again and again until it says so, leaves, or has had time enough. */
  void closeAt(String worker, SessionKey key, int opening) {
    var closing = new Closing(key, worker, opening);
    closings.put(closing, new Attempt(1, node.now()));
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
    Duration wait = node.times().retryFrom();
    closings.forEach((closing, attempt) -> {
      if (!node.past(attempt.sentNanos(), wait)) {
        return;
      }
      if (attempt.number() >= CLOSE_ATTEMPTS) {
        closings.remove(closing);
      } else if (closings.replace(closing, attempt, new Attempt(attempt.number() + 1, node.now()))) {
        sendClose(closing);
      }
    });
  }

  private void left(String worker) {
    closings.keySet().removeIf(closing -> closing.worker().equals(worker));
    sessions.values().forEach(verifier -> verifier.left(worker));
  }
}
