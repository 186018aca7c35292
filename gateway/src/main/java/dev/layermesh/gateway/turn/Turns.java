package dev.layermesh.gateway.turn;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.gateway.turn.ModelSource.State;
import dev.layermesh.gateway.turn.TurnWriter.Header;
import io.opentelemetry.api.trace.Tracer;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Starts the turns of every protocol and ends them at shutdown. Thread-safe. */
public final class Turns {
  private static final Logger LOG = LoggerFactory.getLogger(Turns.class);
  /** Time that the last errors of a shutdown get to be written. */
  private static final Duration LAST_WRITES = Duration.ofSeconds(1);

  private final Vertx vertx;
  private final Limits limits;
  private final ModelSource models;
  private final SessionHosts hosts;
  private final Tracer tracer;
  private final SecureRandom ids = new SecureRandom();
  private final GatewayMetrics metrics = new GatewayMetrics();
  private final RequestExecutor executor;
  /** Turns that are being read, planned or run: the only count that {@code limits.sessions()} bounds. */
  private final AtomicInteger open = new AtomicInteger();
  private final Set<Running> running = ConcurrentHashMap.newKeySet();
  private final Promise<Void> idle = Promise.promise();
  private volatile boolean draining;

  /**
   * The limits of turns.
   *
   * @param sessions turns at a time; more are refused with 429
   * @param drain time that running turns get to finish after {@link #drain}
   * @param stall time that a client may take nothing before its turn fails
   */
  public record Limits(int sessions, Duration drain, Duration stall) {}

  private record Running(Context context, Turn turn) {}

  public Turns(Vertx vertx, Limits limits, ModelSource models, SessionHosts hosts, Tracer tracer) {
    this.vertx = vertx;
    this.limits = limits;
    this.models = models;
    this.hosts = hosts;
    this.tracer = tracer;
    executor = new RequestExecutor(vertx);
  }

  public GatewayMetrics metrics() {
    return metrics;
  }

  /** The served model; none when this gateway is shutting down. */
  public State state() {
    return draining ? new State.Missing("draining", "the gateway is shutting down") : models.state();
  }

  /**
   * A request that shall become a turn.
   *
   * @param read reads the request; off the event loop
   * @param writer writes the answer
   * @param operation the GenAI name of the operation
   * @param origin where its trace begins
   * @param wanted whether the client is still connected
   * @param disconnect closes the connection of a client that does not read the end
   */
  public record Call(
      Callable<TurnRequest> read,
      Function<TurnRequest, TurnWriter> writer,
      String operation,
      TurnTelemetry.Origin origin,
      BooleanSupplier wanted,
      Runnable disconnect) {}

  /** When a request arrived, on both clocks. */
  private record Arrival(Instant instant, long nanos) {}

  /** Runs {@code reading} off the event loop. */
  public <T> Future<T> read(Callable<T> reading) {
    return executor.run(reading);
  }

  /**
   * Starts a turn on the current context. Fails with an {@link ApiException} if the request is wrong or no model is
   * served. The writer gets all later errors. Empty if the client left before the turn began.
   */
  public Future<Optional<Turn>> start(Call call, Runnable whenOver) {
    Context context = vertx.getOrCreateContext();
    var arrival = new Arrival(InstantSource.system().instant(), System.nanoTime());
    if (open.incrementAndGet() > limits.sessions()) {
      open.decrementAndGet();
      return Future.failedFuture(new ApiException(ApiError.busy(
          429, "too_many_sessions", limits.sessions() + " generations run already", 1)));
    }
    return executor.run(() -> plan(call)).<Optional<Turn>>map(plan -> {
      if (!call.wanted().getAsBoolean()) {
        return Optional.empty();
      }
      requireServed();
      return Optional.of(start(context, call, plan, arrival, whenOver));
    }).onComplete(started -> {
      if (started.failed() || started.result().isEmpty()) {
        open.decrementAndGet();
      }
    });
  }

  private Turn start(Context context, Call call, TurnPlan plan, Arrival arrival, Runnable whenOver) {
    var telemetry = TurnTelemetry.start(
        tracer, metrics, call.origin(), call.operation(), plan.model().id(), arrival.instant());
    var header = new Header(UUID.randomUUID().toString().replace("-", ""), arrival.instant(), plan);
    var self = new Running[1];
    var turn = new Turn(
        context, header, call.writer().apply(plan.request()), telemetry, limits.stall(), System::nanoTime,
        arrival.nanos(), written -> {
          whenOver.run();
          long patience = vertx.setTimer(limits.stall().toMillis(), id -> call.disconnect().run());
          written.onComplete(any -> {
            vertx.cancelTimer(patience);
            running.remove(self[0]);
            open.decrementAndGet();
            settle();
          });
        });
    self[0] = new Running(context, turn);
    running.add(self[0]);
    turn.start(hosts, new SessionKey(ids.nextLong(), 0), telemetry.traceparent());
    return turn;
  }

  private TurnPlan plan(Call call) throws Exception {
    TurnRequest request = call.read().call();
    return TurnPlan.of(request, requireServed());
  }

  private ServedModel requireServed() {
    return switch (state()) {
      case State.Ready ready -> ready.model();
      case State.Missing missing -> throw new ApiException(ApiError.busy(503, missing.code(), missing.missing(), 2));
    };
  }

  /** The error for a failure before a turn began. */
  public static ApiError errorOf(Throwable failure) {
    return switch (failure) {
      case ApiException wrong -> wrong.error();
      case InputException wrong -> ApiError.of(wrong);
      default -> {
        LOG.error("a request failed", failure);
        yield ApiError.server("internal_error", "the gateway failed; its log says why");
      }
    };
  }

  /** Refuses new turns, lets running ones finish until the deadline, then ends them with an error. */
  public Future<Void> drain() {
    draining = true;
    long deadline = vertx.setTimer(limits.drain().toMillis(), id -> {
      for (Running each : List.copyOf(running)) {
        each.context().runOnContext(
            none -> each.turn().fail(ApiError.server("draining", "the gateway is shutting down")));
      }
      vertx.setTimer(LAST_WRITES.toMillis(), late -> idle.tryComplete());
    });
    settle();
    return idle.future().onComplete(done -> vertx.cancelTimer(deadline));
  }

  /** Ends the threads. Call it when no request can arrive any more. */
  public Future<Void> close() {
    return executor.close();
  }

  private void settle() {
    if (draining && running.isEmpty()) {
      idle.tryComplete();
    }
  }
}
