package dev.layermesh.decoding.loop;

import dev.layermesh.decoding.DraftWindow;
import dev.layermesh.decoding.OverloadedException;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.TokenLog;
import dev.layermesh.decoding.VerifierLostException;
import dev.layermesh.decoding.VerifyReply;
import dev.layermesh.decoding.VerifyReply.Behind;
import dev.layermesh.decoding.VerifyReply.Diverged;
import dev.layermesh.decoding.VerifyReply.Extended;
import dev.layermesh.decoding.VerifyReply.Overloaded;
import dev.layermesh.decoding.VerifyReply.StaleEpoch;
import dev.layermesh.decoding.VerifyReply.Verdict;
import dev.layermesh.decoding.Work;
import java.time.Duration;

/**
 * The loop, the only one in the project: fill the flight, take a reply, commit. One window in flight is sequential
 * LayerSkip, a window of no draft token is autoregressive decoding, and prefill, resume and recovery are the same
 * {@link Work.Extend}. It runs on the caller's thread and uses it alone; interrupting that thread cancels the session.
 *
 * <p>Invariant: when a verdict without windows behind it has been observed, drafter and verifier both cache
 * {@code log.length() - 1} positions.
 */
public final class SpeculativeDecoder {
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(1);

  private final TokenLog log;
  private final SessionSpec spec;
  private final Drafter drafter;
  private final Verifier verifier;
  private final TokenSink sink;
  private final Duration longestWait;
  private int rounds;
  private long draftTokens;
  private long acceptedTokens;
  private long lateRows;
  private Duration waited = Duration.ZERO; // for memory at the verifier, since its last result

  /** A loop over a fresh drafter and a fresh verifier; the caller closes both. */
  public SpeculativeDecoder(SessionSpec spec, Drafter drafter, Verifier verifier, TokenSink sink) {
    this(spec, drafter, verifier, sink, LONGEST_WAIT);
  }

  /** The same with another limit for the wait for a verifier without memory. */
  SpeculativeDecoder(SessionSpec spec, Drafter drafter, Verifier verifier, TokenSink sink, Duration longestWait) {
    this.spec = spec;
    this.log = new TokenLog(spec);
    this.drafter = drafter;
    this.verifier = verifier;
    this.sink = sink;
    this.longestWait = longestWait;
  }

  /**
   * Decodes until a stop.
   *
   * @throws VerifierLostException when no verifier answers any more
   * @throws OverloadedException when the session has waited too long for memory
   */
  public Outcome run() {
    try {
      return decode();
    } catch (InterruptedException cancelled) {
      return outcome(StopReason.CANCELLED);
    }
  }

  private Outcome decode() throws InterruptedException {
    if (log.finished()) {
      return outcome(log.stopReason().get());
    }
    var flight = new Flight(log, verifier.open(spec.key(), spec.sampling()));
    while (!log.finished()) {
      fill(flight);
      VerifyReply reply = verifier.receive();
      var answered = flight.retire(reply.seq());
      if (answered.isEmpty()) {
        continue; // its work was dropped with its rejected prefix, or sent again under another number
      }
      Work work = answered.get();
      switch (reply) {
        case Extended extended -> extended(extended);
        case Verdict verdict -> judged((DraftWindow) work, verdict, flight);
        case Behind behind -> flight.restartFrom(behind.cached(), work);
        case Overloaded overloaded -> {
          pause(overloaded.retryAfter());
          flight.restartFrom(work.handoff().from(), work);
        }
        case Diverged diverged -> throw new IllegalStateException(
            "verifier at " + diverged.cached() + " says work " + work.seq() + " diverged, log at " + log.length());
        case StaleEpoch stale -> {
          return outcome(StopReason.SUPERSEDED);
        }
      }
    }
    return outcome(log.stopReason().get());
  }

  /** Waits for a verifier without memory, up to a limit: another verifier may have some. */
  private void pause(Duration retryAfter) throws InterruptedException {
    if (waited.compareTo(longestWait) > 0) {
      throw new OverloadedException("session " + spec.key() + ": the verifier had no room for " + longestWait);
    }
    Thread.sleep(retryAfter);
    waited = waited.plus(retryAfter);
  }

  /** Sends what may go out now: known rows while the verifier lacks them, then kept windows, then new ones. */
  private void fill(Flight flight) throws InterruptedException {
    while (true) {
      if (flight.behind()) {
        if (!flight.roomToExtend()) {
          return;
        }
        int from = flight.handed();
        int to = Math.min(flight.nextRow(), from + verifier.maxRows());
        verifier.send(flight.extend(drafter.extend(flight, from, to)));
        continue;
      }
      var kept = flight.unsent();
      if (kept.isPresent()) {
        verifier.send(flight.again(kept.get()));
      } else if (flight.roomToDraft(spec.window().windows())) {
        verifier.send(flight.window(draft(flight)));
      } else {
        return;
      }
    }
  }

  /** The first window has no draft tokens, so that the client gets its first token right after the prompt. */
  private Drafter.Draft draft(Flight flight) throws InterruptedException {
    int tokens = rounds == 0 ? 0 : flight.limit(spec.window().draftTokens());
    return drafter.draft(flight, tokens, spec.window().tail());
  }

  private void extended(Extended extended) {
    waited = Duration.ZERO;
    lateRows += extended.rows();
    sink.prefilled(extended.cached(), log.length() - 1);
  }

  private void judged(DraftWindow window, Verdict verdict, Flight flight) throws InterruptedException {
    waited = Duration.ZERO;
    rounds++;
    draftTokens += window.tokens().size();
    acceptedTokens += verdict.accepted();
    lateRows += verdict.rows();
    TokenIds fresh = log.commit(window, verdict);
    flight.committed(window, verdict.next().isEmpty());
    drafter.observe(log, verdict);
    sink.round(new Round(window.base() - log.promptLength(), fresh, window.draftIds(), verdict.accepted()));
  }

  private Outcome outcome(StopReason reason) {
    var stats = new DecodeStats(rounds, draftTokens, acceptedTokens, drafter.rowsRun(), lateRows);
    return new Outcome(reason, log.committed(), stats);
  }
}
