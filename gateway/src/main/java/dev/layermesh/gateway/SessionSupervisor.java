package dev.layermesh.gateway;

import dev.layermesh.decoding.DecodeStats;
import dev.layermesh.decoding.Outcome;
import dev.layermesh.decoding.Round;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.TokenLog;
import dev.layermesh.decoding.TokenSink;
import dev.layermesh.mesh.membership.Placement;
import dev.layermesh.mesh.membership.Role;
import dev.layermesh.mesh.membership.WorkerAd;
import dev.layermesh.mesh.telemetry.Spans;
import dev.layermesh.mesh.telemetry.TraceParent;
import dev.layermesh.mesh.transport.RemoteSessionHost.RemoteSession;
import dev.layermesh.mesh.transport.SessionLostException;
import dev.layermesh.mesh.wire.FailureCode;
import io.opentelemetry.api.trace.Tracer;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs generations on draft workers and keeps them going: places each on the least loaded worker, holds a copy of its
 * tokens, and when the worker is lost opens the session again under the next epoch where the same arithmetic runs, so
 * that the stream goes on with the tokens it would have had. Without such a worker the generation fails, once.
 * Thread-safe.
 */
final class SessionSupervisor implements Generator {
  private static final Logger LOG = LoggerFactory.getLogger(SessionSupervisor.class);

  private final Sessions sessions;
  private final Placement placement;
  private final GatewayOptions options;
  private final LongSupplier ids;
  private final Tracer tracer;
  private final AtomicInteger running = new AtomicInteger();

  /** Opens sessions on draft workers: {@code RemoteSessionHost::open}. */
  @FunctionalInterface
  interface Sessions {
    RemoteSession open(String workerId, SessionSpec spec, TokenSink sink, String traceparent, int creditWindow);
  }

  /**
   * A supervisor.
   *
   * @param ids a fresh random id for each session
   * @param tracer gets a span for each resumption
   */
  SessionSupervisor(
      Sessions sessions, Placement placement, GatewayOptions options, LongSupplier ids, Tracer tracer) {
    this.sessions = sessions;
    this.placement = placement;
    this.options = options;
    this.ids = ids;
    this.tracer = tracer;
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
    if (running.incrementAndGet() > options.maxSessions()) {
      running.decrementAndGet();
      return new Admission.Refused(
          429, "too_many_sessions", options.maxSessions() + " generations run already", 1);
    }
    var spec = new SessionSpec(
        new SessionKey(ids.getAsLong(), 0), request.prompt(), request.stops(), request.sampling(), request.window());
    var supervised = new Supervised(request, spec, draft.get().arithmetic(), listener);
    supervised.open(draft.get());
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
    private TokenIds log = TokenIds.empty();
    private DecodeStats earlier = DecodeStats.NONE;
    private DecodeStats current = DecodeStats.NONE;
    private Optional<RemoteSession> session = Optional.empty();
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
      RemoteSession opened = sessions.open(
          draft.id(), spec, round -> round(epoch, round), request.traceparent().orElse(""), options.creditTokens());
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

    private synchronized boolean isCancelled() {
      return cancelled;
    }

    @Override
    public synchronized void cancel() {
      cancelled = true;
      session.ifPresent(RemoteSession::cancel);
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
        log = log.concat(round.committed());
        current = current.plus(new DecodeStats(1, round.drafted().length(), round.accepted(), 0, 0));
      }
      listener.round(round);
    }

    private void lost(WorkerAd worker, Throwable failure) {
      if (!(failure instanceof SessionLostException lost) || !elsewhere(lost.code())) {
        fail(failure.getMessage());
        return;
      }
      Optional<StopReason> reason;
      Optional<WorkerAd> next;
      synchronized (this) {
        suspects.add(worker.id());
        reason = cancelled ? Optional.of(StopReason.CANCELLED) : stopped();
        next = placement.draft(Optional.of(arithmetic), suspects)
            .filter(each -> each.fingerprint().equals(request.fingerprint()));
      }
      if (reason.isPresent()) {
        end(reason.get(), current);
      } else if (next.isPresent()) {
        resume(worker, next.get(), lost);
      } else {
        fail(failure.getMessage() + "; no other worker can go on with this generation");
      }
    }

    private void resume(WorkerAd from, WorkerAd to, SessionLostException why) {
      synchronized (this) {
        earlier = earlier.plus(current);
        current = DecodeStats.NONE;
        spec = spec.resumedAfter(log);
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
      open(to);
    }

    /** Why the log is complete, if it is: the end of a session can be lost with its worker. */
    private Optional<StopReason> stopped() {
      return log.isEmpty() ? Optional.empty() : new TokenLog(spec.resumedAfter(log)).stopReason();
    }

    private void end(StopReason reason, DecodeStats last) {
      running.decrementAndGet();
      DecodeStats counted = last.rounds() >= current.rounds() ? last : current;
      listener.finished(new Outcome(reason, log, earlier.plus(counted)));
    }

    private void fail(String reason) {
      running.decrementAndGet();
      listener.failed(reason);
    }

    private static boolean elsewhere(FailureCode code) {
      return switch (code) {
        case OVERLOADED, DRAINING, UNKNOWN_SESSION, VERIFIER_LOST, INTERNAL, LOST -> true;
        case BAD_INPUT, STALE -> false;
      };
    }
  }
}
