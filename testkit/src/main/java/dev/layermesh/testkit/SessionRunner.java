package dev.layermesh.testkit;

import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.SessionHost;
import dev.layermesh.decoding.loop.TokenSink;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** A way to run sessions: in process, on an engine, across a mesh. The matrix and the walk use it. */
@FunctionalInterface
public interface SessionRunner {

  /** Runs a session to its end with a drafter of the given kind. */
  Outcome run(SessionSpec spec, DrafterKind drafter, TokenSink sink) throws Exception;

  /** Runs sessions on the host of each kind of drafter, each within {@code limit}. */
  static SessionRunner on(Function<DrafterKind, SessionHost> hosts, Duration limit) {
    return (spec, drafter, sink) -> hosts
        .apply(drafter)
        .open(spec, sink)
        .outcome()
        .toCompletableFuture()
        .get(limit.toMillis(), TimeUnit.MILLISECONDS);
  }
}
