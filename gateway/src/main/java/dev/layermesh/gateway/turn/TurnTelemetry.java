package dev.layermesh.gateway.turn;

import dev.layermesh.decoding.loop.Round;
import dev.layermesh.gateway.turn.TurnWriter.Header;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.vertx.core.MultiMap;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Optional;

/**
 * Span and metrics of one turn. Each turn has its own span, also on a WebSocket, which carries many turns. The span has
 * GenAI attributes (OpenTelemetry semantic conventions, status Development).
 */
public final class TurnTelemetry implements TurnObserver {
  private static final AttributeKey<List<String>> FINISH_REASONS =
      AttributeKey.stringArrayKey("gen_ai.response.finish_reasons");

  private final GatewayMetrics metrics;
  private final Span span;

  private TurnTelemetry(GatewayMetrics metrics, Span span) {
    this.metrics = metrics;
    this.span = span;
  }

  /** How a turn's trace begins. */
  public sealed interface Origin {

    /** An HTTP request: the turn continues the caller's trace, if there is one. */
    record Continued(MultiMap headers) implements Origin {}

    /** A WebSocket message: the turn has its own trace, linked to the trace of the connection. */
    record Linked(MultiMap handshakeHeaders) implements Origin {}
  }

  /** Starts the span of a turn at the arrival of its request. */
  static TurnTelemetry start(
      Tracer tracer, GatewayMetrics metrics, Origin origin, String operation, String model,
      Instant arrival) {
    var builder = tracer.spanBuilder(operation + " " + model)
        .setSpanKind(SpanKind.SERVER)
        .setStartTimestamp(arrival)
        .setAttribute("gen_ai.operation.name", operation)
        .setAttribute("gen_ai.provider.name", "layermesh")
        .setAttribute("gen_ai.request.model", model);
    switch (origin) {
      case Origin.Continued(MultiMap headers) -> builder.setParent(remote(headers));
      case Origin.Linked(MultiMap headers) -> {
        builder.setNoParent();
        SpanContext connection = Span.fromContext(remote(headers)).getSpanContext();
        if (connection.isValid()) {
          builder.addLink(connection);
        }
      }
    }
    return new TurnTelemetry(metrics, builder.startSpan());
  }

  /** The turn's span as a W3C {@code traceparent}, if it is traced. */
  Optional<String> traceparent() {
    var carrier = new HashMap<String, String>();
    W3CTraceContextPropagator.getInstance().inject(Context.root().with(span), carrier, HashMap::put);
    return Optional.ofNullable(carrier.get("traceparent"));
  }

  @Override
  public void started(Header header) {
    TurnPlan plan = header.plan();
    metrics.started(plan.prompt().length());
    span.setAttribute("gen_ai.response.id", header.id())
        .setAttribute("gen_ai.response.model", plan.model().id())
        .setAttribute("gen_ai.request.max_tokens", plan.stops().maxTokens())
        .setAttribute("gen_ai.request.temperature", plan.sampling().temperature())
        .setAttribute("gen_ai.request.top_p", plan.sampling().topP())
        .setAttribute("gen_ai.request.seed", plan.sampling().seed())
        .setAttribute("spec.draft.len", plan.window().draftTokens());
  }

  @Override
  public void firstToken(long nanosSinceStart) {
    metrics.firstToken(nanosSinceStart);
    span.setAttribute("gen_ai.response.time_to_first_chunk", nanosSinceStart / 1e9);
  }

  @Override
  public void round(Round round) {
    metrics.round(round);
  }

  @Override
  public void ended(TurnResult result) {
    metrics.ended(result.finish().word(), true);
    metrics.timed(result);
    span.setAttribute(FINISH_REASONS, List.of(result.finish().word()))
        .setAttribute("gen_ai.usage.input_tokens", result.promptTokens())
        .setAttribute("gen_ai.usage.output_tokens", result.ids().length())
        .setAttribute("spec.rounds", result.stats().rounds())
        .setAttribute("spec.accepted", result.stats().acceptedTokens())
        .setAttribute("spec.drafted", result.stats().draftTokens());
    span.end();
  }

  @Override
  public void failed(ApiError error) {
    metrics.ended(error.code(), false);
    span.setAttribute("error.type", error.code()).setStatus(StatusCode.ERROR, error.message());
    span.end();
  }

  @Override
  public void clientGone(int tokens) {
    metrics.ended("client_gone", false);
    span.setAttribute("error.type", "client_gone").setAttribute("gen_ai.usage.output_tokens", tokens);
    span.end();
  }

  private static Context remote(MultiMap headers) {
    return W3CTraceContextPropagator.getInstance().extract(Context.root(), headers, MultiMap::get);
  }
}
