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
 * Runs generations on draft workers and keeps them going: places each on the least loaded worker, holds a copy of its
 * tokens, and when the worker is lost opens the session again under the next epoch where the same arithmetic runs, so
 * that the stream goes on with the tokens it would have had. If there is no such worker, one may be on its way: the
 * supervisor looks for it for a while before the generation fails, once.
 * Thread-safe.
 */
public final class SessionSupervisor implements SessionHosts {
  private static final Logger LOG = LoggerFactory.getLogger(SessionSupervisor.class);

  /** How long a generation waits for a worker that can go on with it: a dead one is restarted within that. */
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

  /** Time, and what happens later. */
  public interface Clock {
    long nanos();

    void after(Duration delay, Runnable then);
  }

  /**
   * A supervisor.
   *
   * @param creditTokens tokens a drafter may be ahead of what the client's socket took
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

  /** The roles in words. */
  static String missing(Set<Role> roles) {
    return String.join(" and ", roles.stream().sorted().map(role -> switch (role) {
      case DRAFT -> "a draft worker";
      case VERIFY -> "a verify worker that fits";
    }).toList());
  }

  /**
   * One generation over all its epochs. The bus thread brings tokens and ends; cancel and credit come from any
   * thread, so the current session is guarded by this object's lock.
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
    /** When the session lost its worker, until a token comes again. */
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
          lost(draft, new SessionLostException(FailureCode.LOST, "drafter " + draft.id() + " gave the session up"));
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
      goOn(worker, lost);
    }

    /** Goes on elsewhere if that is possible, now or later. */
    private void goOn(WorkerAd worker, SessionLostException lost) {
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
          goOn(worker, lost);
        });
      } else {
        fail(lost.code(), lost.getMessage() + "; no other worker can go on with this generation");
      }
    }

    /** A client that got nothing yet had better hear that there is no room, and come back. */
    private boolean mayWait(FailureCode code) {
      return tokens() > 0 || code != FailureCode.OVERLOADED && code != FailureCode.DRAINING;
    }

    private void resume(WorkerAd from, WorkerAd to, SessionLostException why) {
      synchronized (this) {
        earlier = earlier.plus(current);
        current = DecodeStats.NONE;
        spec = spec.resumedAfter(log.committed());
      }
      LOG.info("session {}: {}; goes on at {} after {} tokens", spec.key(), why.getMessage(), to.id(), tokens());
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
        LOG.error("session {} cannot go on", spec.key(), broken);
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
