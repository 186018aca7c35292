package dev.layermesh.mesh.telemetry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import dev.layermesh.decoding.InputException;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class TelemetryTest {
  @Test
  void shouldCreateNoSdkUnlessAsked() {
    List<Map<String, String>> silent = List.of(
        Map.of(),
        Map.of("OTEL_SERVICE_NAME", "x", "PATH", "/bin"),
        Map.of("OTEL_TRACES_EXPORTER", ""),
        Map.of("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1", "OTEL_SDK_DISABLED", "TRUE"));
    for (Map<String, String> environment : silent) {
      try (Telemetry telemetry = Telemetry.fromEnvironment("layermesh-draft", environment)) {
        assertThat(telemetry.isEnabled()).isFalse();
        assertThat(telemetry.openTelemetry()).isSameAs(OpenTelemetry.noop());
      }
    }
  }

  @Test
  void shouldSendSpansUnderTheNameOfTheServiceWhenClosed() throws IOException {
    try (Collector collector = new Collector()) {
      try (Telemetry telemetry = Telemetry.fromEnvironment(
          "layermesh-draft", Map.of("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()))) {
        assertThat(telemetry.isEnabled()).isTrue();
        telemetry.tracer().spanBuilder(Spans.PREFILL_DRAFT).startSpan().end();
      }
      assertThat(collector.paths).containsOnly("/v1/traces");
      assertThat(collector.bodies).anySatisfy(body -> assertThat(body)
          .contains("service.name").contains("layermesh-draft").contains(Spans.PREFILL_DRAFT));
    }
  }

  @Test
  void shouldSendNumbersThatAreShownWhereMetricsAreAskedFor() throws IOException {
    try (Collector collector = new Collector()) {
      try (Telemetry telemetry = Telemetry.fromEnvironment("layermesh-draft", Map.of(
          "OTEL_EXPORTER_OTLP_ENDPOINT", collector.url(), "OTEL_METRICS_EXPORTER", "otlp"))) {
        telemetry.show("verify", () -> Map.of("kv.gone", 1L)).close();
        telemetry.show("draft", () -> Map.of("kv.memory.used", 7L, "kv.memory.kept", 8L));
      }
      assertThat(collector.paths).contains("/v1/metrics");
      assertThat(collector.bodies).anySatisfy(body -> assertThat(body)
          .contains("layermesh.kv.memory.used").contains("layermesh.kv.memory.kept").contains("draft")
          .doesNotContain("layermesh.kv.gone"));
    }
    Telemetry.none().show("draft", () -> Map.of("kv.memory.used", 7L)).close();
  }

  @Test
  void shouldLetTheEnvironmentNameTheService() throws IOException {
    List<Map<String, String>> names = List.of(
        Map.of("OTEL_SERVICE_NAME", "mine"), Map.of("OTEL_RESOURCE_ATTRIBUTES", "service.name=mine"));
    for (Map<String, String> name : names) {
      try (Collector collector = new Collector()) {
        Map<String, String> environment = new HashMap<>(name);
        environment.put("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", collector.url() + "/v1/traces");
        try (Telemetry telemetry = Telemetry.fromEnvironment("layermesh-draft", environment)) {
          telemetry.tracer().spanBuilder("s").startSpan().end();
        }
        assertThat(collector.bodies).anySatisfy(
            body -> assertThat(body).contains("mine").doesNotContain("layermesh-draft"));
      }
    }
  }

  @Test
  void shouldNameAVariableThatCannotBeUsed() {
    assertThatThrownBy(() -> Telemetry.fromEnvironment("s", Map.of(
        "OTEL_TRACES_EXPORTER", "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")))
        .isInstanceOf(InputException.class).hasMessageContaining("OTEL_EXPORTER_OTLP_PROTOCOL=grpc");
    assertThatThrownBy(() -> Telemetry.fromEnvironment("s", Map.of("OTEL_TRACES_EXPORTER", "zebra")))
        .isInstanceOf(InputException.class).hasMessageContaining("zebra");
  }

  @Test
  void shouldCarryATraceThroughAString() throws IOException {
    assertThat(TraceParent.current()).isEmpty();
    assertThat(Span.fromContext(TraceParent.toContext("")).getSpanContext().isValid()).isFalse();
    assertThat(Span.fromContext(TraceParent.toContext("garbage")).getSpanContext().isValid()).isFalse();
    try (Collector collector = new Collector(); Telemetry telemetry = Telemetry.fromEnvironment(
        "s", Map.of("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()))) {
      Span parent = telemetry.tracer().spanBuilder("parent").startSpan();
      String text;
      try (Scope scope = parent.makeCurrent()) {
        assertThat(scope).isNotNull();
        text = TraceParent.current();
      }
      assertThat(text).isEqualTo(TraceParent.of(Context.root().with(parent)));
      Span child = telemetry.tracer().spanBuilder("child").setParent(TraceParent.toContext(text)).startSpan();
      assertThat(child.getSpanContext().getTraceId()).isEqualTo(parent.getSpanContext().getTraceId());
      assertThat(child.getSpanContext().isSampled()).isTrue();
      child.end();
      parent.end();
    }
  }

  /** Listens like an OTLP collector and keeps what it is sent. */
  private static final class Collector implements AutoCloseable {
    private final List<String> paths = new CopyOnWriteArrayList<>();
    private final List<String> bodies = new CopyOnWriteArrayList<>();
    private final HttpServer server;

    Collector() throws IOException {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
      server.createContext("/", exchange -> {
        paths.add(exchange.getRequestURI().getPath());
        bodies.add(new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.ISO_8859_1));
        exchange.sendResponseHeaders(200, -1);
        exchange.close();
      });
      server.start();
    }

    String url() {
      return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    @Override
    public void close() {
      server.stop(0);
    }
  }
}
