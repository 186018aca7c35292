package dev.layermesh.gateway.mesh;

import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.TokenLog;
import dev.layermesh.decoding.loop.DecodeStats;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.decoding.loop.SessionHost;
import dev.layermesh.decoding.loop.TokenSink;
import dev.layermesh.gateway.turn.SessionHosts;
import dev.layermesh.mesh.membership.Placement;
import dev.layermesh.mesh.membership.Role;
import dev.layermesh.mesh.membership.WorkerAd;
import dev.layermesh.mesh.telemetry.Spans;
import dev.layermesh.mesh.telemetry.TraceParent;
import dev.layermesh.mesh.transport.SessionLostException;
import dev.layermesh.mesh.wire.FailureCode;
import io.opentelemetry.api.trace.Tracer;
import java.time.Duration;
import java.util.HashSet;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs sessions on draft workers. Opens each session on the least loaded worker and keeps a copy of its tokens. When
 * the worker is lost, opens the session again under the next epoch on another worker with the same arithmetic, which
 * commits the tokens that the first one would have committed. If there is no such worker, polls for 5 s, then fails the
 * session exactly once. Thread-safe.
 */
public final class SessionSupervisor implements SessionHosts {
  private static final Logger LOG = LoggerFactory.getLogger(SessionSupervisor.class);

  /** Time to wait for a worker that can resume a session: enough for the restart of a dead one. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);
  private static final Duration LOOK = Duration.ofMillis(200);

  private final Sessions sessions;
  private final Placement placement;
  private final int creditTokens;
  private final Tracer tracer;
  private final Clock clock;

  /** Draft workers to open sessions on: {@code RemoteSessions::host}. */
  @FunctionalInterface
  public interface Sessions {
    SessionHost host(String workerId, int creditWindow, String traceparent);
  }

  /** Time and timers. */
  public interface Clock {
    long nanos();

    void after(Duration delay, Runnable then);
  }

  /**
   * A supervisor.
   *
   * @param creditTokens tokens a drafter may commit beyond those acknowledged
   * @param tracer gets a span for each resumption
   */
  public SessionSupervisor(
      Sessions sessions, Placement placement, int creditTokens, Tracer tracer, Clock clock) {
    this.sessions = sessions;
    this.placement = placement;
    this.creditTokens = creditTokens;
    this.tracer = tracer;
    this.clock = clock;
  }

  @Override
  public Choice choose(String fingerprint, Optional<String> traceparent) {
    Optional<WorkerAd> draft = placement.draft(Optional.empty(), Set.of());
    if (draft.isEmpty()) {
      return new Choice.None(503, "no_workers", "missing: " + missing(placement.missing()), 2);
    }
    if (!draft.get().fingerprint().equals(fingerprint)) {
      return new Choice.None(503, "model_changed", "the mesh serves another model now", 1);
    }
    return new Choice.Found((spec, sink) -> {
      var supervised = new Supervised(spec, sink, draft.get(), traceparent.orElse(""));
      supervised.open(draft.get());
      return supervised;
    });
  }

  /** The missing roles, for people. */
  static String missing(Set<Role> roles) {
    return String.join(" and ", roles.stream().sorted().map(role -> switch (role) {
      case DRAFT -> "a draft worker";
      case VERIFY -> "a verify worker that fits";
    }).toList());
  }

  /**
   * One session over all its epochs. The bus thread calls with tokens and ends; any thread may cancel and acknowledge.
   * This object's lock guards all fields.
   */
  private final class Supervised implements SessionHost.Session {
    private final String fingerprint;
    private final String arithmetic;
    private final String traceparent;
    private final TokenSink sink;
    private final TokenLog log;
    private final CompletableFuture<Outcome> outcome = new CompletableFuture<>();
    private final Set<String> suspects = new HashSet<>();
    private SessionSpec spec;
    /** When the session lost its worker; empty while tokens arrive. */
    private OptionalLong stuckNanos = OptionalLong.empty();
    private DecodeStats earlier = DecodeStats.NONE;
    private DecodeStats current = DecodeStats.NONE;
    private Optional<SessionHost.Session> session = Optional.empty();
    private boolean cancelled;
    private int acknowledged;

    Supervised(SessionSpec spec, TokenSink sink, WorkerAd draft, String traceparent) {
      this.spec = spec;
      this.sink = sink;
      this.traceparent = traceparent;
      fingerprint = draft.fingerprint();
      arithmetic = draft.arithmetic();
      log = new TokenLog(spec);
    }

    synchronized void open(WorkerAd draft) {
      int epoch = spec.key().epoch();
      SessionHost.Session opened =
          sessions.host(draft.id(), creditTokens, traceparent).open(spec, sink(epoch));
      session = Optional.of(opened);
      opened.acknowledge(acknowledged);
      if (cancelled) {
        opened.cancel();
      }
      opened.outcome().whenComplete((ended, failure) -> {
        if (failure != null) {
          lost(draft, SessionLostException.of(failure));
        } else if (ended.reason() == StopReason.CANCELLED && !isCancelled()) {
          lost(draft, new SessionLostException(FailureCode.LOST, "drafter " + draft.id() + " ended the session early"));
        } else {
          end(ended.reason(), ended.stats());
        }
      });
    }

    @Override
    public CompletionStage<Outcome> outcome() {
      return outcome;
    }

    private TokenSink sink(int epoch) {
      return new TokenSink() {
        @Override
        public void round(Round round) throws InterruptedException {
          Supervised.this.round(epoch, round);
        }

        @Override
        public void prefilled(int done, int total) {
          sink.prefilled(done, total);
        }
      };
    }

    private synchronized boolean isCancelled() {
      return cancelled;
    }

    @Override
    public synchronized void cancel() {
      cancelled = true;
      session.ifPresent(SessionHost.Session::cancel);
    }

    @Override
    public synchronized void acknowledge(int tokens) {
      acknowledged = Math.max(acknowledged, tokens);
      session.ifPresent(each -> each.acknowledge(tokens));
    }

    private void round(int epoch, Round round) throws InterruptedException {
      synchronized (this) {
        if (epoch != spec.key().epoch()) {
          return;
        }
        if (round.from() != tokens()) {
          throw new IllegalStateException(
              "tokens from " + round.from() + " on, log of " + spec.key() + " at " + tokens());
        }
        log.commit(round.committed());
        suspects.clear();
        stuckNanos = OptionalLong.empty();
        current = current.plus(new DecodeStats(1, round.drafted().length(), round.accepted(), 0, 0));
      }
      sink.round(round);
    }

    private void lost(WorkerAd worker, SessionLostException lost) {
      if (!elsewhere(lost.code())) {
        outcome.completeExceptionally(lost);
        return;
      }
      synchronized (this) {
        suspects.add(worker.id());
        if (stuckNanos.isEmpty()) {
          stuckNanos = OptionalLong.of(clock.nanos());
        }
      }
      resumeSoon(worker, lost);
    }

    /**
     * Resumes the session on another worker, now or when there is one; ends it if it is complete or none came in time.
     */
    private void resumeSoon(WorkerAd worker, SessionLostException lost) {
      Optional<StopReason> reason;
      Optional<WorkerAd> next;
      boolean patient;
      synchronized (this) {
        reason = cancelled ? Optional.of(StopReason.CANCELLED) : log.stopReason();
        next = placement.draft(Optional.of(arithmetic), suspects)
            .filter(each -> each.fingerprint().equals(fingerprint));
        patient = mayWait(lost.code()) && clock.nanos() - stuckNanos.orElseThrow() < PATIENCE.toNanos();
      }
      if (reason.isPresent()) {
        end(reason.get(), current);
      } else if (next.isPresent()) {
        resume(worker, next.get(), lost);
      } else if (patient) {
        clock.after(LOOK, () -> {
          synchronized (this) {
            suspects.clear();
          }
          resumeSoon(worker, lost);
        });
      } else {
        fail(lost.code(), lost.getMessage() + "; no other worker can resume this generation");
      }
    }

    /** Before the first token, a refusal goes to the client at once, so that it can retry. */
    private boolean mayWait(FailureCode code) {
      return tokens() > 0 || code != FailureCode.OVERLOADED && code != FailureCode.DRAINING;
    }

    private void resume(WorkerAd from, WorkerAd to, SessionLostException why) {
      synchronized (this) {
        earlier = earlier.plus(current);
        current = DecodeStats.NONE;
        spec = spec.resumedAfter(log.committed());
      }
      LOG.info("session {}: {}; resumed at {} after {} tokens", spec.key(), why.getMessage(), to.id(), tokens());
      tracer.spanBuilder(Spans.RESUME)
          .setParent(TraceParent.toContext(traceparent))
          .setAttribute(Spans.SESSION, "%016x".formatted(spec.key().session()))
          .setAttribute(Spans.EPOCH, spec.key().epoch())
          .setAttribute(Spans.WORKER, to.id())
          .setAttribute("spec.lost.worker", from.id())
          .setAttribute("spec.lost.code", why.code().name())
          .startSpan()
          .end();
      try {
        open(to);
      } catch (RuntimeException broken) {
        LOG.error("session {} cannot be resumed", spec.key(), broken);
        fail(FailureCode.INTERNAL, "the gateway failed; its log says why");
      }
    }

    /** How many tokens are committed. */
    private int tokens() {
      return log.length() - log.promptLength();
    }

    private void end(StopReason reason, DecodeStats last) {
      DecodeStats counted = last.rounds() >= current.rounds() ? last : current;
      outcome.complete(new Outcome(reason, log.committed(), earlier.plus(counted)));
    }

    private void fail(FailureCode code, String reason) {
      outcome.completeExceptionally(new SessionLostException(code, reason));
    }

    private static boolean elsewhere(FailureCode code) {
      return switch (code) {
        case OVERLOADED, DRAINING, UNKNOWN_SESSION, VERIFIER_LOST, INTERNAL, LOST -> true;
        case BAD_INPUT, STALE -> false;
      };
    }
  }
}
