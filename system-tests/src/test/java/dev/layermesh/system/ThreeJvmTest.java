package dev.layermesh.system;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.mesh.membership.Role;
import dev.layermesh.system.GatewayClient.Answer;
import dev.layermesh.testkit.Await;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.testkit.Fixtures.GoldenCase;
import dev.layermesh.testkit.Lossless;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One gateway, one draft and one verify process, the verifier first, as their clients see them. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class ThreeJvmTest {
  private static final String COMPLETIONS = "/v1/completions";
  private static final String CHAT = "/v1/chat/completions";
  private static final String USER = "What say the citizens?";
  private static final int CONTEXT = 1024;
  private static final int CREDIT = 256;
  /** A client that stops reading has an effect only when the buffers on the way are full: keep its own small. */
  private static final String RECEIVE_BUFFER = "jdk.httpclient.receiveBufferSize";

  private static TraceCollector collector;
  private static ChildMesh mesh;
  private static GatewayClient client;

  @BeforeAll
  static void start() {
    collector = new TraceCollector();
    mesh = new ChildMesh(
        Map.of("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url(), "OTEL_BSP_SCHEDULE_DELAY", "200"));
    mesh.worker(Role.VERIFY, "--prefix-cache=off"); // rows are counted
    mesh.worker(Role.DRAFT, "--prefix-cache=off");
    client = mesh.gateway().client();
    client.awaitReady();
  }

  @AfterAll
  static void end() {
    client.close();
    mesh.close();
    collector.close();
  }

  @AfterEach
  void shouldLeaveNoSessionInAnyWorker() {
    Await.until("no worker holds a session", Duration.ofSeconds(5), () -> mesh.sessions() == 0);
  }

  private static List<GoldenCase> golden() {
    return Fixtures.golden(Fixtures.bundledModel()).cases();
  }

  private static ObjectNode sampled(ObjectNode request, long seed) {
    return request.put("temperature", 0.8).put("seed", seed);
  }

  private static ObjectNode limited(ObjectNode request, int tokens) {
    return request.put("max_tokens", tokens).put("max_output_tokens", tokens);
  }

  /** As many tokens as the context holds, in messages as long as they can be. */
  private static ObjectNode endless(TokenIds prompt, long seed) {
    return sampled(GatewayClient.request(prompt), seed)
        .put("ignore_eos", true).put("max_tokens", CONTEXT).put("speculation", true).put("window", 0);
  }

  @Test
  void shouldGiveTheSameTokensOverEveryDoorAndOnTheCommandLine() throws IOException {
    ObjectNode chat = sampled(limited(GatewayClient.request(), 48), 42);
    chat.putArray("messages").addObject().put("role", "user").put("content", USER);
    ObjectNode input = sampled(limited(GatewayClient.request(), 48), 42).put("input", USER);
    Answer expected = client.complete(CHAT, chat);
    ObjectNode completion = sampled(limited(GatewayClient.request(expected.promptIds()), 48), 42);

    assertThat(expected.ids().length()).isBetween(1, 48);
    assertSame(expected, client.stream(CHAT, chat).answer());
    assertSame(expected, client.complete(COMPLETIONS, completion));
    assertSame(expected, client.stream(COMPLETIONS, completion).answer());
    try (ResponseSocket socket = client.connect()) {
      socket.create(input);
      assertSame(expected, socket.answer());
    }
    JsonNode generated = generated(expected.promptIds());
    Lossless.assertSameTokens(expected.ids(), GatewayClient.ids(generated.required("token_ids")));
    assertThat(generated.required("text").textValue()).isEqualTo(expected.text());
    assertThat(generated.required("finish_reason").textValue()).isEqualTo(expected.finish());
    assertThat(expected.speculation().path("early_layer_rows")).isEqualTo(generated.required("early_layer_rows"));
    assertThat(expected.speculation().path("late_layer_rows")).isEqualTo(generated.required("late_layer_rows"));
  }

  private static void assertSame(Answer expected, Answer actual) {
    Lossless.assertSameTokens(expected.promptIds(), actual.promptIds());
    Lossless.assertSameTokens(expected.ids(), actual.ids());
    assertThat(actual.text()).isEqualTo(expected.text());
    assertThat(actual.finish()).isEqualTo(expected.finish());
    assertThat(actual.speculation().path("draft_tokens")).isEqualTo(expected.speculation().path("draft_tokens"));
  }

  private static JsonNode generated(TokenIds prompt) throws IOException {
    String ids = Arrays.stream(prompt.toArray()).mapToObj(String::valueOf).collect(Collectors.joining(","));
    ChildProcess.Result result = mesh.run(
        "generate", "--prompt-ids", ids, "--max-tokens", "48", "--temperature", "0.8", "--seed", "42", "--json")
        .result();
    assertThat(result.err()).isEmpty();
    assertThat(result.status()).isZero();
    return GatewayClient.JSON.readTree(result.out());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 4, 8})
  void shouldSayWhatTransformersSays(int window) {
    for (GoldenCase golden : golden()) {
      ObjectNode request = limited(GatewayClient.request(golden.promptIds()), golden.greedyIds().length())
          .put("temperature", 0).put("ignore_eos", true).put("window", window);
      Answer answer = client.complete(COMPLETIONS, request);
      Lossless.assertSameTokens(golden.greedyIds(), answer.ids());
      assertThat(answer.finish()).isEqualTo("length");
    }
  }

  @Test
  void shouldTraceOneRequestThroughThreeServices() {
    String root = "00f067aa0ba902b7";
    String trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    ObjectNode request = limited(GatewayClient.request(golden().getFirst().promptIds()), 8);
    client.complete(COMPLETIONS, request, "traceparent", "00-" + trace + "-" + root + "-01");

    Await.until("every span has its parent", Duration.ofSeconds(20), () -> isWhole(spans(trace), root));
    assertThat(spans(trace).stream().map(TraceCollector.Span::service))
        .contains("layermesh-gateway", "layermesh-draft", "layermesh-verify");
  }

  private static boolean isWhole(List<TraceCollector.Span> spans, String root) {
    Set<String> known = spans.stream().map(TraceCollector.Span::id).collect(Collectors.toSet());
    long services = spans.stream().map(TraceCollector.Span::service).distinct().count();
    return services == 3
        && spans.stream().allMatch(span -> span.parentId().equals(root) || known.contains(span.parentId()));
  }

  private static List<TraceCollector.Span> spans(String trace) {
    return collector.spans().stream().filter(span -> span.traceId().equals(trace)).toList();
  }

  @Test
  void shouldGiveEightSessionsAtOnceTheTokensTheyGetAlone() {
    TokenIds prompt = golden().getFirst().promptIds();
    List<ObjectNode> requests = IntStream.range(0, 8)
        .mapToObj(seed -> sampled(limited(GatewayClient.request(prompt), 64), seed).put("ignore_eos", true)).toList();
    List<Answer> alone = requests.stream().map(request -> client.complete(COMPLETIONS, request)).toList();
    List<CompletableFuture<Answer>> together =
        requests.stream().map(request -> client.completeAsync(COMPLETIONS, request)).toList();
    for (int i = 0; i < alone.size(); i++) {
      assertSame(alone.get(i), together.get(i).join());
    }
    assertThat(alone.stream().map(Answer::ids)).doesNotHaveDuplicates();
  }

  @Test
  void shouldStopTheDrafterOfASilentClientAndThenContinueIdentically() {
    TokenIds prompt = golden().getFirst().promptIds();
    ObjectNode request = endless(prompt, 9).put("stream_id", "a lane with a name as long as can be".repeat(7));
    Answer expected = client.complete(COMPLETIONS, request);
    assertThat(expected.ids().length()).isEqualTo(CONTEXT - prompt.length());

    double before = committed();
    try (ResponseSocket socket = slow(GatewayClient::connect)) {
      socket.create(request);
      Await.until("the drafter is parked", Duration.ofSeconds(30), ThreeJvmTest::parked);
      double standing = committed() - before;
      assertThat(standing).isBetween((double) CREDIT, expected.ids().length() - 1.0);
      long start = System.nanoTime();
      Await.until("ten seconds pass", Duration.ofSeconds(20), () -> System.nanoTime() - start > 10_000_000_000L);
      assertThat(committed() - before).as("tokens drafted after ten silent seconds").isEqualTo(standing);
      assertThat(mesh.sessions()).as("sessions in both workers").isEqualTo(2);
      Answer answer = socket.answer();
      Lossless.assertSameTokens(expected.ids(), answer.ids());
      assertThat(answer.text()).isEqualTo(expected.text());
    }
  }

  /** Tokens that the gateway has received, of all its sessions. */
  private static double committed() {
    return client.metric("layermesh:generation_tokens_total");
  }

  /** Whether no token arrived for a second. */
  private static boolean parked() {
    double seen = committed();
    long start = System.nanoTime();
    Await.until("a second passes", Duration.ofSeconds(5), () -> System.nanoTime() - start > 1_000_000_000L);
    return mesh.sessions() == 2 && committed() == seen;
  }

  /** Opens a stream over a connection with small buffers. */
  private static <T> T slow(Function<GatewayClient, T> opening) {
    System.setProperty(RECEIVE_BUFFER, "4096");
    try {
      return opening.apply(client);
    } finally {
      System.clearProperty(RECEIVE_BUFFER);
    }
  }

  @Test
  void shouldEndACancelledResponseAtOnce() {
    try (ResponseSocket socket = client.connect()) {
      socket.create(endless(golden().getFirst().promptIds(), 1));
      socket.awaitEvent("response.output_text.delta");
      socket.cancel();
      JsonNode end = socket.awaitEvent("response.incomplete");
      assertThat(end.at("/response/incomplete_details/reason").asText()).isEqualTo("cancelled");
      assertThat(end.at("/response/usage/output_tokens").asInt())
          .isEqualTo(end.at("/response/token_ids").size())
          .isLessThan(CONTEXT / 2);
    }
  }

  @Test
  void shouldForgetClientsThatVanish() {
    ObjectNode request = endless(golden().getFirst().promptIds(), 2);
    double before = committed();
    try (ResponseSocket socket = client.connect(); EventStream stream = client.stream(COMPLETIONS, request)) {
      socket.create(request);
      socket.awaitEvent("response.output_text.delta");
      stream.readTokens(3);
    }
    shouldLeaveNoSessionInAnyWorker();
    assertThat(committed() - before).as("tokens drafted for both").isLessThan(2.0 * (CONTEXT - 10));
  }

  @Test
  void shouldStopAtAStringThatRunsOverARoundsBorderAndCountWhatTheClientGot() {
    TokenIds prompt = golden().getFirst().promptIds();
    ObjectNode request = limited(GatewayClient.request(prompt), 96).put("temperature", 0).put("ignore_eos", true);
    Answer whole = client.complete(COMPLETIONS, request);
    String stop = whole.text().substring(60, 75); // of several tokens, so of several rounds where none is drafted
    int end = whole.text().indexOf(stop);
    ObjectNode stopping = request.deepCopy().put("stop", stop);
    for (int window : List.of(0, 4)) {
      stopping.put("window", window);
      for (Answer answer : List.of(
          client.complete(COMPLETIONS, stopping), client.stream(COMPLETIONS, stopping).answer())) {
        assertThat(answer.text()).isEqualTo(whole.text().substring(0, end));
        assertThat(answer.finish()).isEqualTo("stop");
        Lossless.assertSameTokens(whole.ids().slice(0, answer.ids().length()), answer.ids());
        assertUsage(answer, prompt.length());
        assertThat(answer.ids().length()).isLessThan(whole.ids().length());
      }
    }
  }

  @Test
  void shouldGiveOneTokenWhenOneIsAskedFor() {
    GoldenCase golden = golden().getFirst();
    Answer answer = client.complete(
        COMPLETIONS, limited(GatewayClient.request(golden.promptIds()), 1).put("temperature", 0));
    Lossless.assertSameTokens(golden.greedyIds().slice(0, 1), answer.ids());
    assertThat(answer.finish()).isEqualTo("length");
    assertUsage(answer, golden.promptIds().length());
  }

  @Test
  void shouldContinueAPromptOfOneToken() {
    ObjectNode request = limited(GatewayClient.request(TokenIds.of(862)), 16)
        .put("temperature", 0).put("ignore_eos", true);
    Answer drafted = client.complete(COMPLETIONS, request);
    Answer plain = client.complete(COMPLETIONS, request.put("window", 0));
    assertThat(drafted.ids().length()).isEqualTo(16);
    Lossless.assertSameTokens(plain.ids(), drafted.ids());
    assertUsage(drafted, 1);
  }

  @Test
  void shouldFillTheContextToItsLastPosition() {
    TokenIds prompt = golden().getFirst().promptIds();
    TokenIds almost = prompt;
    while (almost.length() + prompt.length() < CONTEXT - 8) {
      almost = almost.concat(prompt);
    }
    ObjectNode request = sampled(GatewayClient.request(almost), 4).put("max_tokens", CONTEXT).put("ignore_eos", true);
    Answer answer = client.complete(COMPLETIONS, request.put("window", 8));
    assertThat(answer.ids().length()).isEqualTo(CONTEXT - almost.length());
    assertThat(answer.finish()).isEqualTo("length");
    assertUsage(answer, almost.length());
    Lossless.assertSameTokens(client.complete(COMPLETIONS, request.put("window", 0)).ids(), answer.ids());

    TokenIds full = answer.promptIds().concat(answer.ids());
    var refused = client.post(COMPLETIONS, GatewayClient.request(full));
    assertThat(refused.statusCode()).isEqualTo(400);
    assertThat(refused.body()).contains("context_length_exceeded");
  }

  private static void assertUsage(Answer answer, int prompt) {
    assertThat(answer.usage().path("prompt_tokens").asInt()).isEqualTo(prompt);
    assertThat(answer.usage().path("completion_tokens").asInt()).isEqualTo(answer.ids().length());
    assertThat(answer.usage().path("total_tokens").asInt()).isEqualTo(prompt + answer.ids().length());
  }
}
