package dev.layermesh.mesh.transport;

import dev.layermesh.decoding.SessionKey;
import dev.layermesh.mesh.telemetry.Spans;
import dev.layermesh.mesh.telemetry.TraceParent;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The spans of the sessions that a worker runs: one for each session, child of the span whose context the open frame
 * carried. Attributes count the rounds; a round has no span. Thread-safe.
 */
public final class SessionSpans {
  private final Tracer tracer;
  private final String name;
  private final Map<SessionKey, Running> running = new ConcurrentHashMap<>();

  /** Spans called {@code name}: "session" on a draft worker, "verify" on a verify worker. */
  public SessionSpans(Tracer tracer, String name) {
    this.tracer = tracer;
    this.name = name;
  }

  /** Makes no spans; trace contexts are still passed on. */
  public static SessionSpans none() {
    return new SessionSpans(OpenTelemetry.noop().getTracer("none"), "none");
  }

  /** W3C trace context of the span of a session that runs here; empty if there is none. */
  public String traceparent(SessionKey key) {
    return Optional.ofNullable(running.get(key)).map(span -> TraceParent.of(span.context)).orElse("");
  }

  Running start(SessionKey key, String traceparent) {
    Context parent = TraceParent.toContext(traceparent);
    Span span = tracer.spanBuilder(name)
        .setParent(parent)
        .setAttribute(Spans.SESSION, "%016x".formatted(key.session()))
        .setAttribute(Spans.EPOCH, (long) key.epoch())
        .startSpan();
    var started = new Running(key, span, parent.with(span));
    running.put(key, started);
    return started;
  }

  /** The span of one session; the caller of {@link SessionSpans#start} ends it. */
  final class Running {
    private final SessionKey key;
    private final Span span;
    private final Context context;

    private Running(SessionKey key, Span span, Context context) {
      this.key = key;
      this.span = span;
      this.context = context;
    }

    /** A span inside this one; the caller ends it. */
    Span child(String childName) {
      return tracer.spanBuilder(childName).setParent(context).startSpan();
    }

    /** Sets the counters of the session on this worker. */
    void count(long rounds, long drafted, long accepted, long rows) {
      span.setAttribute(Spans.ROUNDS, rounds)
          .setAttribute(Spans.DRAFTED, drafted)
          .setAttribute(Spans.ACCEPTED, accepted)
          .setAttribute(Spans.ROWS, rows);
    }

    void fail(Throwable cause) {
      span.setStatus(StatusCode.ERROR, cause.toString());
      span.recordException(cause);
    }

    void end() {
      span.end();
      running.remove(key, this);
    }
  }
}
