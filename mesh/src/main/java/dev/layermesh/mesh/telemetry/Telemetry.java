package dev.layermesh.mesh.telemetry;

import dev.layermesh.decoding.InputException;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.Meter;
import io.opentelemetry.api.metrics.ObservableLongGauge;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.spi.ConfigurationException;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * This process's OpenTelemetry. An SDK, with its thread and its connection, exists only if the environment asks for one
 * with {@code OTEL_TRACES_EXPORTER} or an {@code OTEL_EXPORTER_OTLP_*ENDPOINT}; {@code OTEL_SDK_DISABLED=true} wins.
 * Everything else is set by the variables of the OpenTelemetry specification, with these defaults of ours: OTLP over
 * HTTP, W3C trace context, no metrics ({@code OTEL_METRICS_EXPORTER=otlp} sends them too) and no logs. Thread-safe; an
 * exporter that is down never delays a caller.
 */
public final class Telemetry implements AutoCloseable {
  private static final String INSTRUMENTATION = "dev.layermesh";
  private static final String METRICS = "layermesh.";
  private static final AttributeKey<String> ROLE = AttributeKey.stringKey("role");

  /** Registered metrics; closing removes them, and is idempotent. */
  @FunctionalInterface
  public interface Shown extends AutoCloseable {
    @Override
    void close();
  }

  private final Optional<OpenTelemetrySdk> sdk;

  private Telemetry(Optional<OpenTelemetrySdk> sdk) {
    this.sdk = sdk;
  }

  /** Telemetry that records nothing. */
  public static Telemetry none() {
    return new Telemetry(Optional.empty());
  }

  /**
   * What {@code environment} asks for.
   *
   * @param serviceName the name of this process in traces, {@code layermesh-gateway} and the like, unless
   *     {@code OTEL_SERVICE_NAME} or {@code OTEL_RESOURCE_ATTRIBUTES} names it
   * @throws InputException if a variable has a value that cannot be used
   */
  public static Telemetry fromEnvironment(String serviceName, Map<String, String> environment) {
    if (!isAskedFor(environment)) {
      return none();
    }
    String protocol = protocolOf(environment);
    if (protocol.equals("grpc")) {
      throw InputException.of("OTEL_EXPORTER_OTLP_PROTOCOL", protocol, "must be http/protobuf (port 4318)");
    }
    Map<String, String> properties = properties(serviceName, environment);
    try {
      return new Telemetry(Optional.of(AutoConfiguredOpenTelemetrySdk.builder()
          .addPropertiesCustomizer(ignored -> properties)
          .disableShutdownHook()
          .build()
          .getOpenTelemetrySdk()));
    } catch (ConfigurationException e) {
      throw InputException.in("environment", e.getMessage());
    }
  }

  /** The OpenTelemetry to instrument with; the no-op one if none was asked for. */
  public OpenTelemetry openTelemetry() {
    return sdk.<OpenTelemetry>map(present -> present).orElseGet(OpenTelemetry::noop);
  }

  /** The tracer of LayerMesh's own spans. */
  public Tracer tracer() {
    return openTelemetry().getTracer(INSTRUMENTATION);
  }

  /**
   * Registers a worker's numbers as metrics.
   *
   * @param role of the worker, the attribute {@code role} of each
   * @param numbers by the name of a metric, to which {@code layermesh.} is added; called on a thread of the SDK; must
   *     always give the same names
   * @return removes the metrics when closed
   */
  public Shown show(String role, Supplier<Map<String, Long>> numbers) {
    Meter meter = openTelemetry().getMeter(INSTRUMENTATION);
    Attributes attributes = Attributes.of(ROLE, role);
    List<ObservableLongGauge> gauges = numbers.get().keySet().stream()
        .map(name -> meter.gaugeBuilder(METRICS + name).ofLongs()
            .buildWithCallback(now -> now.record(numbers.get().get(name), attributes)))
        .toList();
    return () -> gauges.forEach(ObservableLongGauge::close);
  }

  /** Whether spans are exported. */
  boolean isEnabled() {
    return sdk.isPresent();
  }

  /** Exports buffered spans; takes at most ten seconds. */
  @Override
  public void close() {
    sdk.ifPresent(OpenTelemetrySdk::close);
  }

  private static boolean isAskedFor(Map<String, String> environment) {
    if (environment.getOrDefault("OTEL_SDK_DISABLED", "").equalsIgnoreCase("true")) {
      return false;
    }
    return environment.entrySet().stream().anyMatch(variable -> !variable.getValue().isBlank()
        && (variable.getKey().equals("OTEL_TRACES_EXPORTER")
            || variable.getKey().matches("OTEL_EXPORTER_OTLP_(\\w+_)?ENDPOINT")));
  }

  private static String protocolOf(Map<String, String> environment) {
    String general = environment.getOrDefault("OTEL_EXPORTER_OTLP_PROTOCOL", "");
    return environment.getOrDefault("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", general);
  }

  /** The variables under the names of their properties, over our defaults. */
  private static Map<String, String> properties(String serviceName, Map<String, String> environment) {
    Map<String, String> properties = new HashMap<>(Map.of(
        "otel.exporter.otlp.protocol", "http/protobuf",
        "otel.propagators", "tracecontext",
        "otel.metrics.exporter", "none",
        "otel.logs.exporter", "none"));
    if (!environment.getOrDefault("OTEL_RESOURCE_ATTRIBUTES", "").contains("service.name=")) {
      properties.put("otel.service.name", serviceName);
    }
    environment.forEach((name, value) -> {
      if (name.startsWith("OTEL_") && !value.isBlank()) {
        properties.put(name.toLowerCase(Locale.ROOT).replace('_', '.'), value);
      }
    });
    return properties;
  }
}
