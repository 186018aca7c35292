package dev.layermesh.mesh.transport;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.VerifierLostException;
import dev.layermesh.decoding.VerifyReply;
import dev.layermesh.decoding.Work;
import dev.layermesh.decoding.loop.Verifier;
import dev.layermesh.mesh.membership.WorkerAd;
import dev.layermesh.mesh.wire.Message;
import dev.layermesh.mesh.wire.Message.InProgress;
import dev.layermesh.mesh.wire.Message.KeepAlive;
import dev.layermesh.mesh.wire.Message.NoSession;
import dev.layermesh.mesh.wire.Message.OpenVerifier;
import dev.layermesh.mesh.wire.Message.Reply;
import dev.layermesh.mesh.wire.Message.ToDrafter;
import dev.layermesh.mesh.wire.Message.VerifierClosed;
import dev.layermesh.mesh.wire.Message.VerifierOpened;
import dev.layermesh.mesh.wire.Message.VerifierRefused;
import io.vertx.core.buffer.Buffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A session's verifier on some other worker. Sends again until answered, puts replies in order, and when a worker is
 * gone opens another: what was unanswered there is answered {@link VerifyReply.Behind} here, and the loop sends it
 * again under new numbers, from its cache.
 *
 * <p>Threads: the loop's thread sends and waits in {@link #receive}; the bus thread brings replies and ticks. All state
 * is guarded by {@code this}.
 */
final class RemoteVerifier implements Verifier {
  private static final Logger LOG = LoggerFactory.getLogger(RemoteVerifier.class);
  private static final int MAX_SETBACKS = 8; // changes of verifier without progress between them

  private enum Phase { NEW, SEEKING, OPENING, OPEN, STALE, LOST, CLOSED }

  private final RemoteVerifiers owner;
  private final TransportNode node;

  private Phase phase = Phase.NEW;
  private SessionKey key;
  private SamplingParams sampling;

  // The verifier of the moment.
  private String worker = "";
  private int openings;
  private int firstSeq; // works before it were another verifier's
  private int cached;

  // Works and replies.
  private final SortedMap<Integer, Buffer> unanswered = new TreeMap<>();
  private final Map<Integer, VerifyReply> replies = new HashMap<>(); // answered, not yet received by the loop
  private int nextSeq; // of the next work
  private int nextReply; // seq the loop waits for

  // Patience.
  private final Set<String> suspects = new HashSet<>();
  private OptionalLong withoutSince = OptionalLong.empty();
  private int setbacks;
  private int furthest; // positions any verifier was extended to
  private long heardNanos;
  private long sentNanos;
  private Duration pause = Duration.ZERO; // from sentNanos to the next repeat
  private RuntimeException failure = new IllegalStateException("no failure yet");

  RemoteVerifier(RemoteVerifiers owner) {
    this.owner = owner;
    this.node = owner.node();
  }

  @Override
  public synchronized int open(SessionKey session, SamplingParams params) throws InterruptedException {
    if (phase != Phase.NEW) {
      throw new IllegalStateException("session " + session + " opened in phase " + phase);
    }
    key = session;
    sampling = params;
    owner.opened(key, this);
    seek();
    while (phase == Phase.SEEKING || phase == Phase.OPENING) {
      wait();
    }
    requireUsable();
    return cached;
  }

  @Override
  public int maxRows() {
    return owner.maxRows();
  }

  @Override
  public synchronized void send(Work work) {
    if (work.seq() != nextSeq) {
      throw new IllegalStateException("work " + work.seq() + " sent, " + nextSeq + " is next");
    }
    nextSeq++;
    if (phase == Phase.STALE) {
      answer(new VerifyReply.StaleEpoch(work.seq()));
      return;
    }
    Buffer frame = node.encode(key, new Message.Work(work));
    if (unanswered.isEmpty()) {
      heardNanos = node.now();
    }
    unanswered.put(work.seq(), frame);
    if (phase == Phase.OPEN) {
      transmit(frame);
      pause = node.times().retryFrom();
    }
  }

  @Override
  public synchronized VerifyReply receive() throws InterruptedException {
    while (!replies.containsKey(nextReply)) {
      requireUsable();
      wait();
    }
    return replies.remove(nextReply++);
  }

  @Override
  public synchronized void close() {
    if (phase == Phase.OPENING || phase == Phase.OPEN) {
      abandon();
    }
    if (phase != Phase.NEW) {
      owner.closed(key, this);
    }
    phase = Phase.CLOSED;
    notifyAll();
  }

  /** The worker has told something about this session. */
  synchronized void told(String sender, ToDrafter message) {
    if (!sender.equals(worker)) {
      return;
    }
    switch (message) {
      case VerifierOpened opened -> opened(opened);
      case VerifierRefused refused -> refused(refused);
      case Reply reply -> replied(reply.reply());
      case NoSession none -> {
        if (phase == Phase.OPEN && none.seq() >= firstSeq) {
          LOG.info("session {}: verifier {} has forgotten it", key, worker);
          setBack();
        }
      }
      case InProgress progress -> heardNanos = node.now();
      case VerifierClosed closed -> {}
    }
  }

  /** A worker has left the mesh. */
  synchronized void left(String gone) {
    if (gone.equals(worker) && (phase == Phase.OPENING || phase == Phase.OPEN)) {
      LOG.info("session {}: verifier {} has left", key, worker);
      suspects.add(worker);
      setBack();
    }
  }

  /** Looks at what is due. */
  synchronized void tick() {
    switch (phase) {
      case SEEKING -> {
        if (node.past(sentNanos, pause)) {
          seek();
        }
      }
      case OPENING -> {
        if (!silent(node.times().openSilence()) && node.past(sentNanos, pause)) {
          transmit(openFrame());
          backOff();
        }
      }
      case OPEN -> {
        if (unanswered.isEmpty()) {
          if (node.past(sentNanos, node.times().keepAlive())) {
            transmit(node.encode(key, new KeepAlive(firstSeq)));
          }
        } else if (!silent(node.times().silence()) && node.past(sentNanos, pause)) {
          transmit(unanswered.get(unanswered.firstKey()));
          backOff();
        }
      }
      case NEW, STALE, LOST, CLOSED -> {}
    }
  }

  private boolean silent(Duration limit) {
    boolean silent = node.past(heardNanos, limit);
    if (silent) {
      LOG.info("session {}: no sign of life of verifier {} for {}", key, worker, limit);
      suspects.add(worker);
      abandon();
      setBack();
    }
    return silent;
  }

  private void opened(VerifierOpened opened) {
    if (phase != Phase.OPENING || opened.opening() != openings - 1) {
      return;
    }
    phase = Phase.OPEN;
    cached = opened.cached();
    withoutSince = OptionalLong.empty();
    heardNanos = node.now();
    sentNanos = heardNanos;
    pause = node.times().retryFrom();
    SortedMap<Integer, Buffer> elsewhere = unanswered.headMap(firstSeq);
    elsewhere.keySet().forEach(seq -> replies.put(seq, new VerifyReply.Behind(seq, cached)));
    elsewhere.clear();
    unanswered.values().forEach(this::transmit);
    notifyAll();
  }

  private void refused(VerifierRefused refused) {
    if ((phase != Phase.OPENING && phase != Phase.OPEN) || refused.opening() != openings - 1) {
      return;
    }
    LOG.info("session {}: verifier {} refuses ({}): {}", key, worker, refused.code(), refused.message());
    switch (refused.code()) {
      case STALE -> {
        phase = Phase.STALE;
        List.copyOf(unanswered.keySet()).forEach(seq -> answer(new VerifyReply.StaleEpoch(seq)));
        notifyAll();
      }
      case BAD_INPUT -> lose(InputException.in("verifier " + worker, refused.message()));
      case OVERLOADED, DRAINING, UNKNOWN_SESSION, VERIFIER_LOST, INTERNAL, LOST -> {
        suspects.add(worker);
        setBack();
      }
    }
  }

  private void replied(VerifyReply reply) {
    if (phase != Phase.OPEN || !unanswered.containsKey(reply.seq()) || reply.seq() < firstSeq) {
      return;
    }
    heardNanos = node.now();
    sentNanos = heardNanos;
    pause = node.times().retryFrom();
    if (progresses(reply)) {
      setbacks = 0;
      suspects.clear();
    }
    answer(reply);
  }

  /** To extend again what another verifier held before is none, or one that breaks at the same work would never end. */
  private boolean progresses(VerifyReply reply) {
    return switch (reply) {
      case VerifyReply.Verdict verdict -> true;
      case VerifyReply.Extended extended -> {
        boolean further = extended.cached() > furthest;
        furthest = Math.max(furthest, extended.cached());
        yield further;
      }
      case VerifyReply.Diverged diverged -> false;
      case VerifyReply.Behind behind -> false;
      case VerifyReply.StaleEpoch stale -> false;
      case VerifyReply.Overloaded overloaded -> false;
    };
  }

  private void answer(VerifyReply reply) {
    unanswered.remove(reply.seq());
    replies.put(reply.seq(), reply);
    notifyAll();
  }

  /** The verifier is gone: counts it if the loop waits for it, and looks for another. */
  private void setBack() {
    if (nextSeq == 0 || !unanswered.isEmpty()) {
      setbacks++;
    }
    seek();
  }

  private void seek() {
    phase = Phase.SEEKING;
    sentNanos = node.now();
    pause = node.times().retryFrom();
    if (withoutSince.isEmpty()) {
      withoutSince = OptionalLong.of(node.now());
    } else if (node.past(withoutSince.getAsLong(), node.times().verifierDeadline())) {
      lose(new VerifierLostException("session " + key + ": no verifier for " + node.times().verifierDeadline()));
      return;
    }
    if (setbacks > MAX_SETBACKS) {
      lose(new VerifierLostException("session " + key + ": " + setbacks + " verifiers in a row failed, " + worker
          + " last"));
      return;
    }
    Optional<WorkerAd> next = owner.place(suspects);
    if (next.isEmpty()) {
      suspects.clear(); // next time anyone will do
      return;
    }
    phase = Phase.OPENING;
    worker = next.get().id();
    openings++;
    firstSeq = nextSeq;
    heardNanos = node.now();
    transmit(openFrame());
  }

  private void lose(RuntimeException cause) {
    phase = Phase.LOST;
    failure = cause;
    notifyAll();
  }

  private void requireUsable() throws InterruptedException {
    if (phase == Phase.LOST) {
      throw failure;
    }
    if (phase == Phase.CLOSED) {
      throw new InterruptedException("session " + key + " is closed"); // by another thread: as if cancelled
    }
  }

  /** Lets a worker that may hold the session free it. */
  private void abandon() {
    owner.closeAt(worker, key, openings - 1);
  }

  private Buffer openFrame() {
    return node.encode(key, new OpenVerifier(openings - 1, firstSeq, sampling, owner.traceparent(key)));
  }

  private void transmit(Buffer frame) {
    sentNanos = node.now();
    node.bus().send(Addresses.verifier(worker), frame);
  }

  private void backOff() {
    pause = node.times().after(pause);
  }
}
