package dev.layermesh.mesh.wire;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.VerifyReply;
import dev.layermesh.decoding.loop.DecodeStats;
import java.util.Objects;

/** What workers and gateways send each other about one session, grouped by the receiver. */
public sealed interface Message {

  /** Sent to a verify worker. */
  sealed interface ToVerifier extends Message {}

  /** Sent by a verify worker to the drafter of a session. */
  sealed interface ToDrafter extends Message {}

  /** Sent by a gateway to a draft worker. */
  sealed interface ToDraftWorker extends Message {}

  /** Sent by a draft worker to the gateway of a session. */
  sealed interface ToGateway extends Message {}

  /**
   * Opens a verifier session with an empty cache.
   *
   * @param opening counts the drafter's attempts in this epoch, from 0: a higher one replaces a lower one
   * @param firstSeq number of the first work it will get
   * @param sampling how the session chooses tokens
   * @param traceparent W3C trace context of the drafter's span, or empty
   */
  record OpenVerifier(int opening, int firstSeq, SamplingParams sampling, String traceparent) implements ToVerifier {
    public OpenVerifier {
      requireNatural("opening", opening);
      requireNatural("first seq", firstSeq);
      Objects.requireNonNull(sampling, "sampling");
      Objects.requireNonNull(traceparent, "traceparent");
    }
  }

  /** Work for the verifier, whole: rows in one piece, draft distributions where they are not certain. */
  record Work(dev.layermesh.decoding.Work work) implements ToVerifier {
    public Work {
      requireNatural("seq", work.seq());
    }
  }

  /** Ends the session if it was opened by this opening or an earlier one; answered with {@link VerifierClosed}. */
  record CloseVerifier(int opening) implements ToVerifier {
    public CloseVerifier {
      requireNatural("opening", opening);
    }
  }

  /** Keeps the lease of a session that has no work; answered only if there is no such session. */
  record KeepAlive(int seq) implements ToVerifier {
    public KeepAlive {
      requireNatural("seq", seq);
    }
  }

  /** The session is open and holds {@code cached} positions. */
  record VerifierOpened(int opening, int cached) implements ToDrafter {
    public VerifierOpened {
      requireNatural("opening", opening);
      requireNatural("cached", cached);
    }
  }

  /** The session was not opened, or failed ({@link FailureCode#INTERNAL}). */
  record VerifierRefused(int opening, FailureCode code, String message) implements ToDrafter {
    public VerifierRefused {
      requireNatural("opening", opening);
      Objects.requireNonNull(code, "code");
      message = shortened(message);
    }
  }

  /** The answer to a work. */
  record Reply(VerifyReply reply) implements ToDrafter {
    public Reply {
      requireNatural("seq", reply.seq());
    }
  }

  /** No such session is held here; {@code seq} is that of the message it answers. */
  record NoSession(int seq) implements ToDrafter {
    public NoSession {
      requireNatural("seq", seq);
    }
  }

  /** The work has arrived and is not answered yet: a sign of life. */
  record InProgress(int seq) implements ToDrafter {
    public InProgress {
      requireNatural("seq", seq);
    }
  }

  /** The answer to a close: the worker holds no session of this opening or an earlier one and will open none. */
  record VerifierClosed(int opening) implements ToDrafter {
    public VerifierClosed {
      requireNatural("opening", opening);
    }
  }

  /**
   * Starts a session.
   *
   * @param spec all of it
   * @param window tokens it may commit before the first {@link Credit}
   * @param traceparent W3C trace context of the gateway's span, or empty
   */
  record OpenSession(SessionSpec spec, int window, String traceparent) implements ToDraftWorker {
    public OpenSession {
      Objects.requireNonNull(spec, "spec");
      requireNatural("window", window);
      Objects.requireNonNull(traceparent, "traceparent");
    }
  }

  /**
   * What the gateway has received and what it allows. Cumulative, so the last one replaces all earlier ones; repeated
   * as heartbeat.
   *
   * @param received tokens after the prompt the gateway holds without a gap: they need not be resent
   * @param window tokens the worker may commit beyond them
   */
  record Credit(int received, int window) implements ToDraftWorker {
    public Credit {
      requireNatural("received", received);
      requireNatural("window", window);
    }
  }

  /** Ends the session now; a worker that holds none does nothing. */
  record Cancel() implements ToDraftWorker {}

  /** The final message has arrived, and all tokens before it. */
  record FinalAck() implements ToDraftWorker {}

  /** The session runs here: the answer to an open and, as a sign of life, to every credit. */
  record SessionOpened() implements ToGateway {}

  /** The session does not run here. */
  record SessionRefused(FailureCode code, String message) implements ToGateway {
    public SessionRefused {
      Objects.requireNonNull(code, "code");
      message = shortened(message);
    }
  }

  /** What one round committed. */
  record Tokens(dev.layermesh.decoding.loop.Round round) implements ToGateway {
    public Tokens {
      requireNatural("from", round.from());
      if (round.committed().isEmpty()) {
        throw new IllegalArgumentException("a round without a token at " + round.from());
      }
      if (round.accepted() < 0 || round.accepted() > round.drafted().length()) {
        throw new IllegalArgumentException(round.accepted() + " accepted of " + round.drafted().length());
      }
    }
  }

  /** Known tokens that the verifier has cached. */
  record Prefilled(int done, int total) implements ToGateway {
    public Prefilled {
      requireNatural("done", done);
      requireNatural("total", total);
    }
  }

  /**
   * The session has ended; repeated until acknowledged.
   *
   * @param reason why
   * @param committed number of tokens after the prompt, those of earlier epochs included
   * @param stats counters of this epoch
   */
  record Finished(StopReason reason, int committed, DecodeStats stats) implements ToGateway {
    public Finished {
      Objects.requireNonNull(reason, "reason");
      requireNatural("committed", committed);
      if (stats.rounds() < 0 || stats.draftTokens() < 0 || stats.acceptedTokens() < 0
          || stats.earlyRows() < 0 || stats.lateRows() < 0) {
        throw new IllegalArgumentException("negative counters: " + stats);
      }
    }
  }

  /** The session failed; repeated until acknowledged. */
  record Failed(FailureCode code, String message) implements ToGateway {
    public Failed {
      Objects.requireNonNull(code, "code");
      message = shortened(message);
    }
  }

  private static void requireNatural(String name, int value) {
    if (value < 0) {
      throw new IllegalArgumentException(name + " " + value + " is negative");
    }
  }

  private static String shortened(String message) {
    return message.length() <= Limits.MESSAGE_CHARACTERS ? message : message.substring(0, Limits.MESSAGE_CHARACTERS);
  }
}
