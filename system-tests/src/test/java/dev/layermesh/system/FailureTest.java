package dev.layermesh.system;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.mesh.membership.Role;
import dev.layermesh.system.ChildMesh.Front;
import dev.layermesh.system.ChildMesh.Worker;
import dev.layermesh.system.GatewayClient.Answer;
import dev.layermesh.testkit.Await;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.testkit.Lossless;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Processes are killed or asked to end while a stream runs: the stream ends as without that, or with one error. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class FailureTest {
  private static final String COMPLETIONS = "/v1/completions";
  private static final TokenIds PROMPT =
      Fixtures.golden(Fixtures.bundledModel()).cases().getFirst().promptIds();
  private static final int TOKENS = 900;
  /** Few enough to arrive within the ten seconds that a process waits for its streams. */
  private static final int TOKENS_TO_DRAIN = 300;
  private static final Duration NOTICING = Duration.ofSeconds(20);

  private static ChildMesh mesh;
  private static Front front;
  private static Answer undisturbed;

  @BeforeAll
  static void start() {
    mesh = new ChildMesh(Map.of());
    front = mesh.gateway();
    have(1, 1);
    undisturbed = front.client().complete(COMPLETIONS, request(TOKENS));
  }

  @AfterAll
  static void end() {
    front.client().close();
    mesh.close();
  }

  /** A request for one token a round, so that its stream takes a while. */
  private static ObjectNode request(int tokens) {
    return GatewayClient.request(PROMPT)
        .put("temperature", 0.8).put("seed", 7).put("ignore_eos", true).put("max_tokens", tokens).put("window", 0);
  }

  /** Starts and ends workers until there are so many. */
  private static void have(int drafts, int verifies) {
    have(Role.DRAFT, drafts);
    have(Role.VERIFY, verifies);
    front.client().awaitReady();
  }

  private static void have(Role role, int count) {
    List<Worker> workers = mesh.workers(role);
    workers.stream().skip(count).forEach(worker -> mesh.end(worker));
    for (int started = workers.size(); started < count; started++) {
      mesh.worker(role);
    }
  }

  /** A stream that is well under way, and the worker of a role that it runs on. */
  private record Running(EventStream stream, Worker worker) {}

  private static Running running(Role role) {
    EventStream stream = wellUnderWay(front.client(), TOKENS);
    Await.until("a worker says that it has a session", NOTICING, () -> busy(role).size() == 1);
    return new Running(stream, busy(role).getFirst());
  }

  private static EventStream wellUnderWay(GatewayClient client, int tokens) {
    EventStream stream = client.stream(COMPLETIONS, request(tokens));
    stream.readTokens(20);
    return stream;
  }

  private static List<Worker> busy(Role role) {
    return mesh.workers(role).stream().filter(worker -> mesh.sessions(worker) == 1).toList();
  }

  private static void assertUndisturbed(Answer answer, int tokens) {
    Lossless.assertSameTokens(undisturbed.ids().slice(0, tokens), answer.ids());
    assertThat(undisturbed.text()).startsWith(answer.text());
    assertThat(answer.finish()).isEqualTo("length");
  }

  private static void assertNothingLeft() {
    Await.until("no worker holds a session", NOTICING, () -> mesh.sessions() == 0);
  }

  @ParameterizedTest
  @EnumSource(Role.class)
  void shouldContinueIdenticallyWhenAWorkerIsKilledAndThereIsAnother(Role role) {
    have(role == Role.DRAFT ? 2 : 1, role == Role.VERIFY ? 2 : 1);
    Running running = running(role);
    running.worker().process().kill();
    assertUndisturbed(running.stream().answer(), TOKENS);
    mesh.awaitGone(running.worker());
    assertNothingLeft();
  }

  @Test
  void shouldEndAStreamWithExactlyOneErrorWhenTheOnlyDrafterIsKilled() {
    have(1, 1);
    Running running = running(Role.DRAFT);
    running.worker().process().kill();
    switch (running.stream().finished()) {
      case EventStream.End.Done done -> throw new AssertionError("a regular end after " + done.answer().ids());
      case EventStream.End.Failed failed -> {
        assertThat(failed.error().required("code").textValue()).isEqualTo("generation_failed");
        assertThat(failed.error().required("message").textValue()).contains("no other worker");
      }
    }
    int got = running.stream().ids().length();
    assertThat(got).isBetween(20, undisturbed.ids().length() - 1);
    Lossless.assertSameTokens(undisturbed.ids().slice(0, got), running.stream().ids());
    mesh.awaitGone(running.worker());
    assertNothingLeft();
    front.client().awaitUnready();
    assertThat(front.client().get("/health/ready").body()).contains("draft worker");
  }

  @ParameterizedTest
  @EnumSource(Role.class)
  void shouldLetAStreamFinishBeforeAWorkerThatIsAskedToEndDoes(Role role) {
    have(1, 1);
    Worker worker = mesh.workers(role).getFirst();
    try (EventStream stream = wellUnderWay(front.client(), TOKENS_TO_DRAIN)) {
      worker.process().terminate();
      front.client().awaitUnready();
      assertUndisturbed(stream.answer(), TOKENS_TO_DRAIN);
    }
    ChildMesh.assertEnded(worker.process());
    mesh.awaitGone(worker);
    assertNothingLeft();
  }

  @Test
  void shouldLetAStreamFinishBeforeAGatewayThatIsAskedToEndDoes() {
    have(1, 1);
    Front ending = mesh.gateway();
    try (GatewayClient client = ending.client()) {
      client.awaitReady();
      try (EventStream stream = wellUnderWay(client, TOKENS_TO_DRAIN)) {
        ending.process().terminate();
        client.awaitUnready();
        assertThat(client.post(COMPLETIONS, request(1)).statusCode()).isEqualTo(503);
        assertUndisturbed(stream.answer(), TOKENS_TO_DRAIN);
      }
      ChildMesh.assertEnded(ending.process());
    }
    assertNothingLeft();
  }
}
