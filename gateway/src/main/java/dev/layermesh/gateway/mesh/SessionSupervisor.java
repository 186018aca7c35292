package dev.layermesh.gateway.mesh;

import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.TokenLog;
import dev.layermesh.decoding.loop.DecodeStats;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.decoding.loop.SessionHost;
import dev.layermesh.decoding.loop.TokenSink;
import dev.layermesh.gateway.turn.Generator;
import dev.layermesh.gateway.turn.IdBuffer;
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
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs generations on draft workers and keeps them going: places each on the least loaded worker, holds a copy of its
 * tokens, and when the worker is lost opens the session again under the next epoch where the same arithmetic runs, so
 * that the stream goes on with the tokens it would have had. If there is no such worker, one may be on its way: the
 * supervisor looks for it for a while before the generation fails, once.
 * Thread-safe.
 */
public final class SessionSupervisor implements Generator {
  private static final Logger LOG = LoggerFactory.getLogger(SessionSupervisor.class);

  /** How long a generation waits for a worker that can go on with it: a dead one is restarted within that. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);
  private static final Duration LOOK = Duration.ofMillis(200);

  private final Sessions sessions;
  private final Placement placement;
  private final int maxSessions;
  private final int creditTokens;
  private final LongSupplier ids;
  private final Tracer tracer;
  private final Clock clock;
  private final AtomicInteger running = new AtomicInteger();

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
   * @param maxSessions generations at a time; more are refused with 429
   * @param creditTokens tokens a drafter may be ahead of what the client's socket took
   * @param ids a fresh random id for each session
   * @param tracer gets a span for each resumption
   */
  public SessionSupervisor(
      Sessions sessions, Placement placement, int maxSessions, int creditTokens, LongSupplier ids, Tracer tracer,
      Clock clock) {
    this.sessions = sessions;
    this.placement = placement;
    this.maxSessions = maxSessions;
    this.creditTokens = creditTokens;
    this.ids = ids;
    this.tracer = tracer;
    this.clock = clock;
  }

  /** Generations that have not ended. */
  int running() {
    return running.get();
  }

  @Override
  public Admission start(Request request, Listener listener) {
    Optional<WorkerAd> draft = placement.draft(Optional.empty(), Set.of());
    if (draft.isEmpty()) {
      return new Admission.Refused(503, "no_workers", "missing: " + missing(placement.missing()), 2);
    }
    if (!draft.get().fingerprint().equals(request.fingerprint())) {
      return new Admission.Refused(503, "model_changed", "the mesh serves another model since a moment", 1);
    }
    if (running.incrementAndGet() > maxSessions) {
      running.decrementAndGet();
      return new Admission.Refused(
          429, "too_many_sessions", maxSessions + " generations run already", 1);
    }
    var spec = new SessionSpec(
        new SessionKey(ids.getAsLong(), 0), request.prompt(), request.stops(), request.sampling(), request.window());
    var supervised = new Supervised(request, spec, draft.get().arithmetic(), listener);
    try {
      supervised.open(draft.get());
    } catch (RuntimeException broken) {
      running.decrementAndGet();
      throw broken;
    }
    return new Admission.Started(supervised);
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
  private final class Supervised implements Generation {
    private final Request request;
    private final String arithmetic;
    private final Listener listener;
    private final Set<String> suspects = new HashSet<>();
    private SessionSpec spec;
    private final IdBuffer log = new IdBuffer();
    /** Since when nobody goes on with it. */
    private OptionalLong stuckNanos = OptionalLong.empty();
    private DecodeStats earlier = DecodeStats.NONE;
    private DecodeStats current = DecodeStats.NONE;
    private Optional<SessionHost.Session> session = Optional.empty();
    private boolean cancelled;
    private int acknowledged;

    Supervised(Request request, SessionSpec spec, String arithmetic, Listener listener) {
      this.request = request;
      this.spec = spec;
      this.arithmetic = arithmetic;
      this.listener = listener;
    }

    synchronized void open(WorkerAd draft) {
      int epoch = spec.key().epoch();
      SessionHost.Session opened = sessions
          .host(draft.id(), creditTokens, request.traceparent().orElse(""))
          .open(spec, sink(epoch));
      session = Optional.of(opened);
      opened.acknowledge(acknowledged);
      if (cancelled) {
        opened.cancel();
      }
      opened.outcome().whenComplete((outcome, failure) -> {
        if (failure != null) {
          lost(draft, failure instanceof CompletionException wrapped ? wrapped.getCause() : failure);
        } else if (outcome.reason() == StopReason.CANCELLED && !isCancelled()) {
          lost(draft, new SessionLostException(FailureCode.LOST, "drafter " + draft.id() + " gave the session up"));
        } else {
          end(outcome.reason(), outcome.stats());
        }
      });
    }

    private TokenSink sink(int epoch) {
      return new TokenSink() {
        @Override
        public void round(Round round) {
          Supervised.this.round(epoch, round);
        }

        @Override
        public void prefilled(int done, int total) {
          listener.admitted();
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

    private void round(int epoch, Round round) {
      synchronized (this) {
        if (epoch != spec.key().epoch()) {
          return;
        }
        if (round.from() != log.length()) {
          throw new IllegalStateException(
              "tokens from " + round.from() + " on, log of " + spec.key() + " at " + log.length());
        }
        log.append(round.committed());
        suspects.clear();
        stuckNanos = OptionalLong.empty();
        current = current.plus(new DecodeStats(1, round.drafted().length(), round.accepted(), 0, 0));
      }
      listener.round(round);
    }

    private void lost(WorkerAd worker, Throwable failure) {
      if (!(failure instanceof SessionLostException lost) || !elsewhere(lost.code())) {
        fail(failure instanceof SessionLostException known ? known.code() : FailureCode.INTERNAL, failure.getMessage());
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
        reason = cancelled ? Optional.of(StopReason.CANCELLED) : stopped();
        next = placement.draft(Optional.of(arithmetic), suspects)
            .filter(each -> each.fingerprint().equals(request.fingerprint()));
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
      return log.length() > 0 || code != FailureCode.OVERLOADED && code != FailureCode.DRAINING;
    }

    private void resume(WorkerAd from, WorkerAd to, SessionLostException why) {
      synchronized (this) {
        earlier = earlier.plus(current);
        current = DecodeStats.NONE;
        spec = spec.resumedAfter(log.toTokenIds());
      }
      LOG.info("session {}: {}; goes on at {} after {} tokens", spec.key(), why.getMessage(), to.id(), log.length());
      tracer.spanBuilder(Spans.RESUME)
          .setParent(TraceParent.toContext(request.traceparent().orElse("")))
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

    /** Why the log is complete, if it is: the end of a session can be lost with its worker. */
    private Optional<StopReason> stopped() {
      return log.length() == 0
          ? Optional.empty()
          : new TokenLog(spec.resumedAfter(log.toTokenIds())).stopReason();
    }

    private void end(StopReason reason, DecodeStats last) {
      running.decrementAndGet();
      DecodeStats counted = last.rounds() >= current.rounds() ? last : current;
      listener.finished(new Outcome(reason, log.toTokenIds(), earlier.plus(counted)));
    }

    private void fail(FailureCode code, String reason) {
      running.decrementAndGet();
      listener.failed(code, reason);
    }

    private static boolean elsewhere(FailureCode code) {
      return switch (code) {
        case OVERLOADED, DRAINING, UNKNOWN_SESSION, VERIFIER_LOST, INTERNAL, LOST -> true;
        case BAD_INPUT, STALE -> false;
      };
    }
  }
}
