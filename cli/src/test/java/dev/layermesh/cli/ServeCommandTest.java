package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.layermesh.cli.complete.Completer;
import dev.layermesh.cli.complete.Completion;
import dev.layermesh.cli.complete.CompletionListener;
import dev.layermesh.cli.complete.CompletionRequest;
import dev.layermesh.cli.complete.ContextFullException;
import dev.layermesh.cli.complete.RemoteCompleter;
import dev.layermesh.cli.complete.SocketCompleter;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.tokenizer.text.Prompt;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("slow")
@Timeout(120)
class ServeCommandTest {
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static Running serve;
  private static String address;

  @BeforeAll
  static void start() throws InterruptedException {
    serve = new Running("serve", "--port", "0");
    address = serve.awaitOut("at http://(\\S+) \\(page").group(1);
  }

  @AfterAll
  static void end() {
    var result = serve.end();

    assertThat(result.status()).isZero();
    assertThat(result.err()).isEmpty();
  }

  @Test
  void shouldSayWhatToTry() throws InterruptedException {
    serve.awaitOut("curl -N http://" + address + "/v1/completions ");
    serve.awaitOut("bin/layermesh chat --connect ws://" + address);
  }

  @Test
  void shouldRunBothSidesOnOneLane() {
    assertThat(Thread.getAllStackTraces().keySet()).extracting(Thread::getName)
        .filteredOn(name -> name.startsWith("lane-")).containsExactly("lane-layerskip-shakespeare-0");
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "ws"})
  void shouldGiveTheTokensOfTheCommandLine(String scheme) throws IOException {
    String[] options = {"generate", "--prompt-ids", "862,29", "--max-tokens", "24", "--temperature", "0.8",
        "--seed", "5", "--json"};
    JsonNode here = JSON.readTree(Cli.run(options).out());
    String[] remote = Arrays.copyOf(options, options.length + 2);
    remote[options.length] = "--connect";
    remote[options.length + 1] = scheme + "://" + address;
    var result = Cli.run(remote);

    assertThat(result.err()).isEmpty();
    JsonNode there = JSON.readTree(result.out());
    for (String field : new String[] {"prompt_ids", "token_ids", "text", "finish_reason", "seed", "rounds",
        "draft_tokens", "accepted_tokens", "acceptance_rate", "early_layer_rows", "late_layer_rows"}) {
      assertThat(there.path(field)).as(field).isEqualTo(here.path(field));
    }
    assertThat(there.path("tokens_per_second").asDouble()).isPositive();
  }

  @Test
  void shouldContinueManyPromptsAsTheCommandLineDoes(@TempDir Path folder) throws IOException {
    Path prompts = Files.writeString(folder.resolve("prompts.jsonl"), """
        {"prompt": "ROMEO:"}
        {"prompt_ids": [862, 29]}
        {"turns": ["Speak."]}
        {"prompt_ids": [2048]}
        """);
    String[] here = {"generate", "--prompts", prompts.toString(), "--max-tokens", "12", "--temperature", "0.8",
        "--seed", "5"};
    String[] there = Arrays.copyOf(here, here.length + 2);
    there[here.length] = "--connect";
    there[here.length + 1] = "http://" + address;

    var result = Cli.run(there);
    assertThat(result.status()).isEqualTo(1);
    assertThat(tokens(result.out())).isEqualTo(tokens(Cli.run(here).out())).hasSize(4);
  }

  private static List<String> tokens(String lines) throws IOException {
    var tokens = new ArrayList<String>();
    for (String line : lines.lines().sorted().toList()) {
      JsonNode json = JSON.readTree(line);
      tokens.add(json.path("line") + " " + json.path("token_ids") + json.has("error"));
    }
    return tokens;
  }

  @Test
  void shouldStreamInColoursThroughAGateway() {
    var there = Cli.run(
        "generate", "--prompt", "ROMEO:", "--max-tokens", "12", "--connect", "http://" + address, "--color");
    var here = Cli.run("generate", "--prompt", "ROMEO:", "--max-tokens", "12");

    assertThat(there.out()).contains("\u001b[32m");
    assertThat(there.out().replaceAll("\u001b\\[[0-9?]*[A-Za-z]", "")).isEqualTo(here.out());
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "ws"})
  void shouldChatThroughAGateway(String scheme) {
    var there =
        Cli.runWithInput("Speak.\nMore.\n", "chat", "--max-tokens", "10", "--connect", scheme + "://" + address + "/");
    var here = Cli.runWithInput("Speak.\nMore.\n", "chat", "--max-tokens", "10");

    assertThat(there).isEqualTo(here);
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "ws"})
  void shouldForgetTheOldestWhenTheGatewayFindsTheContextFull(String scheme) {
    String question = "O ".repeat(450).strip();
    var result = Cli.runWithInput(
        (question + "\n").repeat(3), "chat", "--max-tokens", "8", "--connect", scheme + "://" + address);

    assertThat(result.status()).isZero();
    assertThat(result.err()).contains("the oldest messages were forgotten");
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "ws"})
  void shouldPassAGatewaysRefusalOn(String scheme) {
    var result = Cli.run("generate", "--prompt-ids", "2048", "--connect", scheme + "://" + address);

    assertThat(result.err())
        .startsWith("layermesh: " + scheme + "://" + address + ": ").contains("2048").hasLineCount(1);
    assertThat(result.status()).isEqualTo(2);
  }

  private static Completer connect(String scheme) throws InterruptedException {
    URI gateway = URI.create(scheme + "://" + address);
    return scheme.equals("ws") ? SocketCompleter.connect(gateway) : RemoteCompleter.connect(gateway);
  }

  private static CompletionRequest request(int promptTokens, int maxTokens, int room) {
    int[] prompt = new int[promptTokens];
    Arrays.fill(prompt, 29);
    return new CompletionRequest(new Prompt.Ids(TokenIds.of(prompt)), SamplingParams.GREEDY,
        WindowPolicy.sequential(4), maxTokens, true, room);
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "ws"})
  void shouldKeepWhatCameBeforeAnInterruption(String scheme) throws InterruptedException {
    try (Completer completer = connect(scheme)) {
      var shown = new StringBuilder();
      Completion completion = completer.complete(request(3, 1000, 1), piece -> {
        int before = shown.length();
        shown.append(piece.text());
        if (before <= 20 && shown.length() > 20) {
          Thread.currentThread().interrupt();
        }
      });

      assertThat(completion.finishReason()).isEqualTo("cancelled");
      assertThat(completion.text()).hasSizeGreaterThan(20).isEqualTo(shown.toString());
      assertThat(completion.promptIds().length()).isEqualTo(3);
      assertThat(completion.tokenIds().length()).isBetween(5, 999);
      assertThat(completion.stats().rounds() > 0).isEqualTo(scheme.equals("ws")); // its door stays open for counters
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "ws"})
  void shouldEndWellOnASignalInTheMiddleOfAnAnswer(String scheme) throws InterruptedException {
    try (var generate = new Running("generate", "--prompt-ids", "862,29", "--max-tokens", "1000", "--ignore-eos",
        "--connect", scheme + "://" + address)) {
      generate.awaitOut("\\w");
      var result = generate.end();

      assertThat(result.err()).isEmpty();
      assertThat(result.status()).isZero();
      assertThat(result.out()).endsWith("\n");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "ws"})
  void shouldLeaveTheRoomAskedFor(String scheme) throws InterruptedException {
    try (Completer completer = connect(scheme)) {
      assertThatThrownBy(() -> completer.complete(request(200, 900, 900), CompletionListener.NONE))
          .isInstanceOf(ContextFullException.class)
          .hasMessage("prompt=200 tokens: must leave room for 900 in the context of 1024");
      assertThat(completer.complete(request(3, 5, 5), CompletionListener.NONE).tokenIds().length()).isEqualTo(5);
    }
  }

  @Test
  void shouldRefuseAPortInUseBeforeItLoadsAnything() throws IOException {
    try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      var result = Cli.run("serve", "--port", String.valueOf(taken.getLocalPort()));

      assertThat(result.err()).startsWith("layermesh: port=" + taken.getLocalPort() + ": ").hasLineCount(1);
      assertThat(result.status()).isEqualTo(2);
      assertThat(result.out()).isEmpty();
    }
  }

  @Test
  void shouldRefuseAWrongModelBeforeItStarts() {
    var result = Cli.run("serve", "--port", "0", "--exit-layer", "8");

    assertThat(result).isEqualTo(new Cli.Result(2, "", "layermesh: exit_layer=8: must be between 1 and 7\n"));
  }
}
