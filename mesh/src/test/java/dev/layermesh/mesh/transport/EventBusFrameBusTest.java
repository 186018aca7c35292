package dev.layermesh.mesh.transport;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopRule;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.decoding.loop.LocalSessionHost;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.SessionHost;
import dev.layermesh.mesh.membership.MeshNode;
import dev.layermesh.mesh.membership.MeshOptions;
import dev.layermesh.mesh.membership.Role;
import dev.layermesh.mesh.membership.TestMeshes;
import dev.layermesh.mesh.telemetry.Spans;
import dev.layermesh.mesh.telemetry.TraceParent;
import dev.layermesh.testkit.Await;
import dev.layermesh.testkit.DrafterKind;
import dev.layermesh.testkit.Lossless;
import dev.layermesh.testkit.ToyDrafter;
import dev.layermesh.testkit.ToyModel;
import dev.layermesh.testkit.ToyVerifierHost;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Tag("slow")
@Timeout(90)
class EventBusFrameBusTest {
  private static final Duration LIMIT = Duration.ofSeconds(40);

  private final ToyModel model = ToyModel.small(3);
  private final ToyVerifierHost toy = new ToyVerifierHost(model);
  private final TestWorkers workers = new TestWorkers();

  @Test
  void shouldStreamOverALocalEventBus() throws Exception {
    Vertx vertx = Vertx.vertx();
    try {
      FrameBus bus = new EventBusFrameBus(vertx);
      stream(bus, new EventBusFrameBus(vertx), bus, 150, SessionSpans.none(), SessionSpans.none(), "");
    } finally {
      vertx.close().await(10, TimeUnit.SECONDS);
    }
  }

  @Test
  void shouldStreamOverALocalEventBusThatLosesRepeatsAndDelays() throws Exception {
    Vertx vertx = Vertx.vertx();
    try {
      var faulty = new FaultyFrameBus(new EventBusFrameBus(vertx), 5, 0.1);
      stream(faulty, faulty, faulty, 40, SessionSpans.none(), SessionSpans.none(), "");
    } finally {
      vertx.close().await(10, TimeUnit.SECONDS);
    }
  }

  @Test
  void shouldStreamOverThreeClusteredNodes() throws Exception {
    MeshOptions options = TestMeshes.options();
    try (MeshNode gateway = MeshNode.join(options);
        MeshNode draft = MeshNode.join(options);
        MeshNode verify = MeshNode.join(options)) {
      stream(
          new EventBusFrameBus(verify.vertx()),
          new EventBusFrameBus(draft.vertx()),
          new EventBusFrameBus(gateway.vertx()),
          150,
          SessionSpans.none(),
          SessionSpans.none(),
          "");
    }
  }

  @Test
  void shouldTraceASessionOverAllWorkers() throws Exception {
    Queue<SpanData> spans = new ConcurrentLinkedQueue<>();
    var provider = SdkTracerProvider.builder().addSpanProcessor(SimpleSpanProcessor.create(into(spans))).build();
    Tracer tracer = provider.get("test");
    Vertx vertx = Vertx.vertx();
    try {
      FrameBus bus = new EventBusFrameBus(vertx);
      Span request = tracer.spanBuilder("request").startSpan();
      String traceparent = TraceParent.of(Context.root().with(request));
      Outcome outcome = stream(
          bus, bus, bus, 30, new SessionSpans(tracer, "verify"), new SessionSpans(tracer, "session"), traceparent);
      request.end();
      Await.until("all spans have ended", LIMIT, () -> spans.size() == 5);
      SpanData session = named(spans, "session");
      assertThat(spans).allMatch(span -> span.getTraceId().equals(request.getSpanContext().getTraceId()));
      assertThat(session.getParentSpanId()).isEqualTo(request.getSpanContext().getSpanId());
      SpanData verify = named(spans, "verify");
      assertThat(named(spans, Spans.PREFILL_DRAFT).getParentSpanId()).isEqualTo(session.getSpanId());
      assertThat(verify.getParentSpanId()).isEqualTo(session.getSpanId());
      assertThat(named(spans, Spans.PREFILL_VERIFY).getParentSpanId()).isEqualTo(verify.getSpanId());
      for (SpanData span : List.of(session, verify)) {
        assertThat(count(span, Spans.ROUNDS)).isEqualTo(outcome.stats().rounds());
        assertThat(count(span, Spans.DRAFTED)).isGreaterThanOrEqualTo(outcome.stats().draftTokens());
        assertThat(count(span, Spans.ACCEPTED)).isEqualTo(outcome.stats().acceptedTokens());
        assertThat(count(span, Spans.ROWS)).isPositive();
      }
    } finally {
      vertx.close().await(10, TimeUnit.SECONDS);
      provider.close();
    }
  }

  @Test
  void shouldDropMalformedFramesAndContinue() throws Exception {
    Vertx vertx = Vertx.vertx();
    try {
      var bus = new EventBusFrameBus(vertx);
      var endpoint = new VerifyEndpoint(new TransportNode(bus, "v1", workers), toy, 9, SessionSpans.none());
      endpoint.ready().toCompletableFuture().get(10, TimeUnit.SECONDS);
      vertx.eventBus().send(Addresses.verifier("v1"), "a text");
      bus.send(Addresses.verifier("v1"), Buffer.buffer("no frame, but as long as a header at least"));
      workers.join(Role.VERIFY, "v1");
      SessionSpec spec = spec(20);
      var remote = new RemoteVerifiers(new TransportNode(bus, "d1", workers), workers::verifier, key -> "", 4);
      var host = new LocalSessionHost(one -> new ToyDrafter(one, model, DrafterKind.PERFECT), remote::verifier);
      Outcome outcome =
          host.open(spec, round -> {}).outcome().toCompletableFuture().get(20, TimeUnit.SECONDS);
      Lossless.assertSameTokens(model.autoregressive(spec), outcome.committed());
    } finally {
      vertx.close().await(10, TimeUnit.SECONDS);
    }
  }

  @Test
  void shouldKeepTheOrderOfOneSenderAndStopWhenClosed() throws Exception {
    Vertx vertx = Vertx.vertx();
    try {
      var bus = new EventBusFrameBus(vertx);
      var came = new LinkedBlockingQueue<Integer>();
      FrameBus.Listening listening = bus.listen("a", frame -> came.add(frame.getInt(0)));
      listening.ready().toCompletableFuture().get(10, TimeUnit.SECONDS);
      for (int i = 0; i < 1000; i++) {
        bus.send("a", Buffer.buffer().appendInt(i));
      }
      for (int i = 0; i < 1000; i++) {
        assertThat(came.poll(10, TimeUnit.SECONDS)).isEqualTo(i);
      }
      listening.close();
      var after = new CompletableFuture<Buffer>();
      bus.listen("b", after::complete).ready().toCompletableFuture().get(10, TimeUnit.SECONDS);
      bus.send("a", Buffer.buffer().appendInt(-1));
      bus.send("b", Buffer.buffer());
      after.get(10, TimeUnit.SECONDS);
      assertThat(came).isEmpty();
    } finally {
      vertx.close().await(10, TimeUnit.SECONDS);
    }
  }

  @Test
  void shouldEncodeAFrameWithoutChangingIt() {
    var codec = new FrameCodec();
    Buffer frame = Buffer.buffer("frame");
    Buffer wire = Buffer.buffer("before");
    codec.encodeToWire(wire, frame);
    wire.appendString("after");
    assertThat(codec.decodeFromWire(6, wire)).isEqualTo(frame);
    assertThat(codec.transform(frame)).isSameAs(frame);
    assertThatThrownBy(() -> codec.decodeFromWire(2, wire)).isInstanceOf(IndexOutOfBoundsException.class);
  }

  /** Streams one session over a verifier, a drafter and a gateway, each on its bus; no session may be left. */
  private Outcome stream(
      FrameBus verify, FrameBus draft, FrameBus gate, int tokens, SessionSpans verifySpans, SessionSpans draftSpans,
      String traceparent) throws Exception {
    workers.join(Role.VERIFY, "v1").join(Role.DRAFT, "d1");
    try (var verifier = new VerifyEndpoint(new TransportNode(verify, "v1", workers), toy, 9, verifySpans);
        var remote = new RemoteVerifiers(
            new TransportNode(draft, "d1", workers), workers::verifier, draftSpans::traceparent, 4);
        var drafter = new SessionEndpoint(
            new TransportNode(draft, "d1", workers),
            new LocalSessionHost(one -> new ToyDrafter(one, model, DrafterKind.PLAUSIBLE), remote::verifier),
            9,
            draftSpans);
        var gateway = new RemoteSessions(new TransportNode(gate, "g1", workers))) {
      for (var ready : List.of(verifier.ready(), remote.ready(), drafter.ready(), gateway.ready())) {
        ready.toCompletableFuture().get(15, TimeUnit.SECONDS);
      }
      SessionSpec spec = spec(tokens);
      var opened = new CompletableFuture<SessionHost.Session>();
      var client = new Received(TokenIds.empty(), length -> opened.thenAccept(session -> session.acknowledge(length)));
      opened.complete(gateway.host("d1", 16, traceparent).open(spec, client));
      Outcome outcome = opened.join().outcome().toCompletableFuture().get(LIMIT.toSeconds(), TimeUnit.SECONDS);
      Lossless.assertSameTokens(model.autoregressive(spec), outcome.committed());
      Lossless.assertSameTokens(outcome.committed(), client.tokens());
      Await.until("nothing is left", LIMIT, () -> drafter.sessions() == 0 && verifier.sessions() == 0
          && remote.sessions() == 0 && gateway.sessions() == 0 && toy.open() == 0);
      return outcome;
    }
  }

  private static SessionSpec spec(int tokens) {
    return new SessionSpec(
        new SessionKey(77, 0),
        TokenIds.of(1, 2, 3, 4, 5, 6, 7, 8),
        new StopRule(TokenIds.empty(), tokens, 4096),
        SamplingParams.sampled(0.8, 6),
        new WindowPolicy(3, 2, true));
  }

  private static SpanData named(Collection<SpanData> spans, String name) {
    return spans.stream().filter(span -> span.getName().equals(name)).findFirst().orElseThrow();
  }

  private static long count(SpanData span, AttributeKey<Long> attribute) {
    return span.getAttributes().get(attribute);
  }

  private static SpanExporter into(Queue<SpanData> spans) {
    return new SpanExporter() {
      @Override
      public CompletableResultCode export(Collection<SpanData> ended) {
        spans.addAll(ended);
        return CompletableResultCode.ofSuccess();
      }

      @Override
      public CompletableResultCode flush() {
        return CompletableResultCode.ofSuccess();
      }

      @Override
      public CompletableResultCode shutdown() {
        return CompletableResultCode.ofSuccess();
      }
    };
  }
}
