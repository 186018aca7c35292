package dev.layermesh.mesh.transport;

import dev.layermesh.decoding.DraftWindow;
import dev.layermesh.decoding.HostLostException;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.VerifyReply;
import dev.layermesh.decoding.Work;
import dev.layermesh.decoding.loop.VerifierHost;
import dev.layermesh.decoding.loop.VerifierSession;
import dev.layermesh.mesh.telemetry.Spans;
import dev.layermesh.mesh.transport.VerifyEndpoint.Incarnation;
import dev.layermesh.mesh.wire.FailureCode;
import dev.layermesh.mesh.wire.Frame;
import dev.layermesh.mesh.wire.Message.InProgress;
import dev.layermesh.mesh.wire.Message.OpenVerifier;
import dev.layermesh.mesh.wire.Message.Reply;
import dev.layermesh.mesh.wire.Message.ToDrafter;
import dev.layermesh.mesh.wire.Message.VerifierOpened;
import dev.layermesh.mesh.wire.Message.VerifierRefused;
import io.opentelemetry.api.trace.Span;
import io.vertx.core.buffer.Buffer;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One opening of a session at a verify worker, the counterpart of {@link RemoteVerifier}. Puts works in order, runs
 * each once on its own virtual thread, and keeps the last replies so that a repeated work gets the same one. The bus
 * thread delivers works; {@code this} guards the state.
 */
final class ServedVerifier {
  private static final Logger LOG = LoggerFactory.getLogger(ServedVerifier.class);
  private static final int MAX_HELD = 64; // works; a drafter sends far fewer before it waits for a reply
  private static final int MEMOISED = 64;

  private final TransportNode node;
  private final SessionKey key;
  private final Incarnation incarnation;
  private final String drafter;
  private final SamplingParams sampling;
  private final int firstSeq;
  private final SessionSpans.Running span;
  private final Span prefill;

  // Guarded by this.
  private final InOrder<Work> works;
  private final Map<Integer, Buffer> replies = new EvictingMap<>(MEMOISED);
  private OptionalInt cached = OptionalInt.empty(); // positions at opening, once open
  private long heardNanos;
  private Thread thread;
  private boolean ending;

  // Used by the session's thread alone.
  private long rounds;
  private long drafted;
  private long accepted;
  private long rows;

  ServedVerifier(TransportNode node, Frame frame, OpenVerifier open, SessionSpans.Running span) {
    this.node = node;
    this.key = frame.key();
    this.incarnation = new Incarnation(frame.key().epoch(), open.opening());
    this.drafter = frame.sender();
    this.sampling = open.sampling();
    this.firstSeq = open.firstSeq();
    this.span = span;
    this.prefill = span.child(Spans.PREFILL_VERIFY);
    this.works = new InOrder<>(firstSeq, MAX_HELD, work -> 1);
    this.heardNanos = node.now();
  }

  SessionKey key() {
    return key;
  }

  Incarnation incarnation() {
    return incarnation;
  }

  String drafter() {
    return drafter;
  }

  synchronized void start(VerifierHost host, Consumer<ServedVerifier> onEnded) {
    thread = Thread.ofVirtual().name("verify-" + key).start(() -> {
      try {
        answerAll(host);
      } finally {
        prefill.end();
        span.count(rounds, drafted, accepted, rows);
        span.end();
        onEnded.accept(this);
      }
    });
  }

  /** Interrupts the session's thread, which frees the caches. */
  synchronized void end() {
    ending = true;
    thread.interrupt();
  }

  synchronized void heard() {
    heardNanos = node.now();
  }

  synchronized boolean silentFor(Duration lease) {
    return node.past(heardNanos, lease);
  }

  /** The drafter sent the open again: repeats the answer, if there is one yet. */
  synchronized void openedAgain() {
    heard();
    send(cached.isPresent() ? new VerifierOpened(incarnation.opening(), cached.getAsInt()) : new InProgress(firstSeq));
  }

  /** A work has arrived, for the first time or again. */
  synchronized void offer(Work work) {
    heard();
    int seq = work.seq();
    Buffer reply = replies.get(seq);
    if (reply != null) {
      node.bus().send(Addresses.replies(drafter), reply);
    } else if (!works.knows(seq)) {
      works.put(seq, work);
      notifyAll();
    } else if (seq >= firstSeq) {
      send(new InProgress(seq));
    }
  }

  private void answerAll(VerifierHost host) {
    try (VerifierSession session = host.open(key, sampling)) {
      opened(session.cached());
      while (true) {
        Work work = next();
        VerifyReply reply = session.answer(work);
        count(work, reply);
        answered(reply);
      }
    } catch (InterruptedException ended) {
      LOG.debug("session {} of {} ended", key, drafter);
    } catch (InputException wrong) {
      failed(FailureCode.BAD_INPUT, wrong);
    } catch (Throwable failure) {
      failed(FailureCode.INTERNAL, failure);
    }
  }

  private synchronized void opened(int positions) {
    cached = OptionalInt.of(positions);
    send(new VerifierOpened(incarnation.opening(), positions));
  }

  private synchronized Work next() throws InterruptedException {
    Optional<Work> next = works.take();
    while (next.isEmpty()) {
      wait();
      next = works.take();
    }
    return next.get();
  }

  private synchronized void answered(VerifyReply reply) {
    Buffer frame = node.encode(key, new Reply(reply));
    replies.put(reply.seq(), frame);
    node.bus().send(Addresses.replies(drafter), frame);
  }

  private void count(Work work, VerifyReply reply) {
    switch (reply) {
      case VerifyReply.Extended extended -> rows += extended.rows();
      case VerifyReply.Verdict verdict -> {
        prefill.end();
        rounds++;
        drafted += ((DraftWindow) work).tokens().size();
        accepted += verdict.accepted();
        rows += verdict.rows();
      }
      case VerifyReply.Diverged diverged -> {}
      case VerifyReply.Behind behind -> {}
      case VerifyReply.StaleEpoch stale -> {}
      case VerifyReply.Overloaded overloaded -> {}
    }
  }

  private synchronized void failed(FailureCode code, Throwable failure) {
    if (ending) {
      LOG.debug("session {} of {} ended while a work ran", key, drafter, failure);
      return;
    }
    if (!(failure instanceof HostLostException)) {
      LOG.error("session {} of {} failed", key, drafter, failure);
    }
    span.fail(failure);
    send(new VerifierRefused(incarnation.opening(), code, String.valueOf(failure.getMessage())));
  }

  private void send(ToDrafter message) {
    node.send(Addresses.replies(drafter), key, message);
  }
}
