package dev.layermesh.mesh.telemetry;

import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapGetter;
import io.opentelemetry.context.propagation.TextMapPropagator;
import java.util.HashMap;
import java.util.Map;

/**
 * A trace as one string, to put into a message: the {@code traceparent} of W3C Trace Context, section 3.2, or the empty
 * string for no trace.
 */
public final class TraceParent {
  private static final String FIELD = "traceparent";
  private static final TextMapPropagator W3C = W3CTraceContextPropagator.getInstance();
  /** The carrier is the text of the one field. */
  private static final TextMapGetter<String> CARRIER_IS_THE_FIELD =
      (carrier, field) -> field.equals(FIELD) ? carrier : null;

  private TraceParent() {}

  /** The trace that is current in this thread. */
  public static String current() {
    return of(Context.current());
  }

  /** The trace of {@code context}. */
  public static String of(Context context) {
    Map<String, String> carrier = new HashMap<>();
    W3C.inject(context, carrier, (map, field, value) -> map.put(field, value));
    return carrier.getOrDefault(FIELD, "");
  }

  /** The context to start a span in so that it continues the trace; the root context if the text is none. */
  public static Context toContext(String traceParent) {
    return W3C.extract(Context.root(), traceParent, CARRIER_IS_THE_FIELD);
  }
}
