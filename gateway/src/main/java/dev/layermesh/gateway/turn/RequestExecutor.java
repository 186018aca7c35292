package dev.layermesh.gateway.turn;

import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.WorkerExecutor;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Where requests are parsed, rendered and encoded: few threads of its own, so that a prompt that takes long holds up
 * other prompts at most, never the bus, and a bounded queue. Thread-safe; results come on the caller's context.
 */
final class RequestExecutor {
  private static final int THREADS = 4;

  private final WorkerExecutor executor;
  private final AtomicInteger pending = new AtomicInteger();
  private final int most;

  /**
   * Starts the threads.
   *
   * @param most calls that run or wait; more are refused with 429
   */
  RequestExecutor(Vertx vertx, int most) {
    executor = vertx.createSharedWorkerExecutor("layermesh-planning", THREADS);
    this.most = most;
  }

  <T> Future<T> run(Callable<T> call) {
    if (pending.incrementAndGet() > most) {
      pending.decrementAndGet();
      return Future.failedFuture(new ApiException(
          ApiError.busy(429, "too_many_requests", most + " requests wait to be read already", 1)));
    }
    return executor.executeBlocking(call, false).onComplete(done -> pending.decrementAndGet());
  }

  Future<Void> close() {
    return executor.close();
  }
}
