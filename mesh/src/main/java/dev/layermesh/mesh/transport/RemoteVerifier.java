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
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A session's verifier on a verify worker. Sends works again until they are answered and puts replies in order. When
 * the worker is lost it opens the session on another one and answers the unanswered works with {@link
 * VerifyReply.Behind}; the loop then sends them again under new numbers, from its cache.
 *
 * <p>Threads: the loop's thread sends works and waits in {@link #receive}; the bus thread delivers replies and ticks.
 * {@code this} guards all state.
 */
final class RemoteVerifier implements Verifier {
  private static final Logger LOG = LoggerFactory.getLogger(RemoteVerifier.class);
  private static final int MAX_SETBACKS = 8; // verifiers lost without progress between them

  private enum Phase { NEW, SEEKING, OPENING, OPEN, STALE, LOST, CLOSED }

  private final RemoteVerifiers owner;
  private final TransportNode node;

  private Phase phase = Phase.NEW;
  private SessionKey key;
  private SamplingParams sampling;

  // The current verifier.
  private String worker = "";
  private int openings;
  private int firstSeq; // earlier works were sent to another verifier
  private int cached;

  // Works and replies.
  private final SortedMap<Integer, Buffer> unanswered = new TreeMap<>();
  private final InOrder<VerifyReply> replies = new InOrder<>(0, Integer.MAX_VALUE, reply -> 1);
  private int nextSeq; // of the next work

  // When to try another verifier, and when to fail.
  private final Set<String> suspects = new HashSet<>();
  private OptionalLong withoutSince = OptionalLong.empty();
  private int setbacks;
  private int furthest; // most positions that any verifier has cached
  private long heardNanos;
  private final Resend resend;
  private RuntimeException failure = new IllegalStateException("no failure yet");

  RemoteVerifier(RemoteVerifiers owner) {
    this.owner = owner;
    this.node = owner.node();
    this.resend = new Resend(node);
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
      resend.restart();
    }
  }

  @Override
  public synchronized VerifyReply receive() throws InterruptedException {
    Optional<VerifyReply> reply = replies.take();
    while (reply.isEmpty()) {
      requireUsable();
      wait();
      reply = replies.take();
    }
    return reply.get();
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

  /** A frame about this session has arrived. */
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
          LOG.info("session {}: verifier {} no longer holds it", key, worker);
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

  /** Sends again what is due and checks deadlines. */
  synchronized void tick() {
    switch (phase) {
      case SEEKING -> {
        if (resend.due()) {
          seek();
        }
      }
      case OPENING -> {
        if (!silent(node.times().openSilence()) && resend.due()) {
          transmit(openFrame());
        }
      }
      case OPEN -> {
        if (unanswered.isEmpty()) {
          if (resend.quietFor(node.times().keepAlive())) {
            transmit(node.encode(key, new KeepAlive(firstSeq)));
            resend.restart();
          }
        } else if (!silent(node.times().silence()) && resend.due()) {
          unanswered.values().forEach(this::transmit); // any of them may be the lost one
        }
      }
      case NEW, STALE, LOST, CLOSED -> {}
    }
  }

  private boolean silent(Duration limit) {
    boolean silent = node.past(heardNanos, limit);
    if (silent) {
      LOG.info("session {}: verifier {} sent nothing for {}", key, worker, limit);
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
    resend.restart();
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
    resend.restart();
    if (progresses(reply)) {
      setbacks = 0;
      suspects.clear();
    }
    answer(reply);
  }

  /**
   * Whether a reply counts as progress. Extending to positions that another verifier cached before does not: otherwise
   * a work that makes every verifier fail would be tried for ever.
   */
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

  /** The verifier is lost. Counts that if the loop waits for it, and looks for another. */
  private void setBack() {
    if (nextSeq == 0 || !unanswered.isEmpty()) {
      setbacks++;
    }
    seek();
  }

  private void seek() {
    phase = Phase.SEEKING;
    resend.restart();
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
      suspects.clear(); // the next attempt may use any worker
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

  /** Asks the current worker to free the session. */
  private void abandon() {
    owner.closeAt(worker, key, openings - 1);
  }

  private Buffer openFrame() {
    return node.encode(key, new OpenVerifier(openings - 1, firstSeq, sampling, owner.traceparent(key)));
  }

  private void transmit(Buffer frame) {
    node.bus().send(Addresses.verifier(worker), frame);
  }
}
