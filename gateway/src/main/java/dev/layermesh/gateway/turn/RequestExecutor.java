package dev.layermesh.gateway.turn;

import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.WorkerExecutor;
import java.util.concurrent.Callable;

/**
 * Parses, renders and encodes requests on a few threads of its own, so that a long prompt delays only other prompts and
 * never the event bus. Its callers bound the queue: a turn waits here only within {@link Turns.Limits#sessions}, and a
 * connection parses one message at a time. Thread-safe; results come on the caller's context.
 */
final class RequestExecutor {
  private static final int THREADS = 4;

  private final WorkerExecutor executor;

  RequestExecutor(Vertx vertx) {
    executor = vertx.createSharedWorkerExecutor("layermesh-planning", THREADS);
  }

  <T> Future<T> run(Callable<T> call) {
    return executor.executeBlocking(call, false);
  }

  Future<Void> close() {
    return executor.close();
  }
}
