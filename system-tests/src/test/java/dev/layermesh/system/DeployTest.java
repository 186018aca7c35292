package dev.layermesh.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.cli.CommandLines;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The folder deploy is consistent with itself and the repository, as far as a test can tell without a container. */
@Timeout(30)
class DeployTest {
  private static final Path ROOT = Path.of(System.getProperty("layermesh.root"));
  private static final String DRAFT = "deploy/draft.Dockerfile";
  private static final String VERIFY = "deploy/verify.Dockerfile";
  private static final String GATEWAY = "deploy/gateway.Dockerfile";
  private static final String COMPOSE = "deploy/compose.yaml";
  private static final String COLLECTOR = "deploy/otel-collector.yaml";

  private static Deployment asItIs() {
    return Deployment.read(ROOT, (file, text) -> text);
  }

  /** The folder with every occurrence of one text in one file replaced. */
  private static Deployment edited(String edited, String from, String to) {
    return Deployment.read(ROOT, (file, text) -> {
      if (!file.equals(edited)) {
        return text;
      }
      assertThat(text).as(file).contains(from);
      return text.replace(from, to);
    });
  }

  @Test
  void shouldFindNothingWrong() {
    assertThat(asItIs().problems()).isEmpty();
  }

  @Test
  void shouldRunEveryRoleInItsImageAndService() {
    assertThat(asItIs().commandLines()).hasSize(7)
        .allSatisfy((name, line) -> assertThat(name).contains(line.getFirst()));
  }

  private static List<String> refusals(Deployment deployment) {
    return deployment.commandLines().values().stream().flatMap(line -> CommandLines.refusal(line).stream()).toList();
  }

  @Test
  void shouldUseCommandsAndOptionsThatTheCommandLineHas() {
    assertThat(refusals(asItIs())).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
      DRAFT + ", '\"draft\"]', '\"drafter\"]', drafter",
      GATEWAY + ", --host, --hosts, --hosts",
      COMPOSE + ", --peers, --peer, --peer=",
      COMPOSE + ", --port=8080, --port=http, http",
      COMPOSE + ", --bind=172.30.57.11, --model=/models/x, --model"})
  void shouldNoticeWhatTheCommandLineRefuses(String file, String from, String to, String refusal) {
    assertThat(refusals(edited(file, from, to))).isNotEmpty()
        .allSatisfy(found -> assertThat(found).contains(refusal));
  }

  static Stream<Arguments> mistakes() {
    return Stream.of(
        // Dockerfiles
        Arguments.of(DRAFT, "COPY bin/java.options", "COPY bin/jvm.options",
            "COPY bin/jvm.options: not in the repository"),
        Arguments.of(".dockerignore", "deploy\n", "models\n", "COPY models: left out by .dockerignore"),
        Arguments.of(DRAFT, "AS build", "AS builder", "COPY --from=build: no such stage"),
        Arguments.of(VERIFY, "target/lib", "target/libs", "COPY /src/cli/target/libs: not an output of the build"),
        Arguments.of(VERIFY, "COPY models models", "", "the bundled model is not below /opt/layermesh"),
        Arguments.of(GATEWAY, "COPY bin/", "COPY models models\nCOPY bin/", "the gateway holds no weights"),
        Arguments.of(DRAFT, "USER 10001:10001", "USER 0", "USER 0: must be a number other than 0"),
        Arguments.of(DRAFT, "USER 10001:10001", "", "USER root: must be a number other than 0"),
        Arguments.of(DRAFT, "VOLUME /var/cache/layermesh", "", "XDG_CACHE_HOME must be a VOLUME"),
        Arguments.of(VERIFY, "ENTRYPOINT [\"java\", ", "ENTRYPOINT java [", "a JSON array so that signals reach java"),
        Arguments.of(VERIFY, "layermesh/layermesh.jar", "layermesh/lm.jar",
            "/opt/layermesh/lm.jar is not in the image"),
        Arguments.of(DRAFT, "\"@/opt/layermesh/bin/java.options\", ", "", "must take its flags from bin/java.options"),
        Arguments.of(DRAFT, "-XX:MaxRAMPercentage=60", "-Xmx4g", "-Xmx4g belongs in bin/java.options"),
        Arguments.of(DRAFT, "-XX:MaxRAMPercentage=60", "-Dlayermesh.root=/x", "must size the heap"),
        Arguments.of(DRAFT, "USER 1", "ENV JAVA_TOOL_OPTIONS=-Xss1m\nUSER 1",
            "ENV JAVA_TOOL_OPTIONS=-Xss1m: belongs in"),
        Arguments.of(GATEWAY, "127.0.0.1/8080", "127.0.0.1/8081", "HEALTHCHECK: must ask port 8080 for /health/ready"),
        Arguments.of(GATEWAY, "/health/ready", "/health", "HEALTHCHECK: must ask port 8080 for /health/ready"),
        // compose.yaml
        Arguments.of(COMPOSE, "deploy/verify.Dockerfile", "deploy/judge.Dockerfile",
            "build: no Dockerfile deploy/judge.Dockerfile"),
        Arguments.of(COMPOSE, "collector:0.136.0", "collector:latest", "must name a version"),
        Arguments.of(COMPOSE, "depends_on: [otel-collector]", "depends_on: [collector]",
            "depends_on: no service collector"),
        Arguments.of(COMPOSE, "./otel-collector.yaml", "./otel.yaml", "volumes: no ./otel.yaml"),
        Arguments.of(COMPOSE, "cache:/var", "caches:/var", "volumes: no volume caches"),
        Arguments.of(COMPOSE, "--bind=172.30.57.22", "--bind=172.30.57.21",
            "draft-2: --bind: must be the service's address, 172.30.57.22"),
        Arguments.of(COMPOSE, "ipv4_address: 172.30.57.31", "ipv4_address: 172.30.58.31",
            "verify-1: --bind: must be the service's address, which it lacks"),
        Arguments.of(COMPOSE, "ipv4_address: 172.30.57.22", "ipv4_address: 172.30.57.21", "an address is given twice"),
        Arguments.of(COMPOSE, "172.30.57.22:5701", "172.30.57.23:5701", "--peers: no service at 172.30.57.23:5701"),
        Arguments.of(COMPOSE, "layerskip-shakespeare", "shakespeare", "--model: no mount has /models/shakespeare"),
        Arguments.of(COMPOSE, ":/models:ro", ":/weights:ro", "--model: no mount has /models/layerskip-shakespeare"),
        Arguments.of(COMPOSE, "tmpfs: [/tmp]", "tmpfs: [/run]", "must be read_only but for /tmp and XDG_CACHE_HOME"),
        Arguments.of(COMPOSE, "mem_limit: 1g", "", "gateway: mem_limit"),
        Arguments.of(COMPOSE, "127.0.0.1:8080:8080", "127.0.0.1:8080:80",
            "ports: nothing listens at 127.0.0.1:8080:80"),
        Arguments.of(COMPOSE, "collector:4318", "collector:4317", "but the collector listens at 0.0.0.0:4318"),
        Arguments.of(COMPOSE, "http://otel-collector", "http://jaeger",
            "no collector runs deploy/otel-collector.yaml at http://jaeger"),
        Arguments.of(COMPOSE, "http/protobuf", "grpc", "must be http/protobuf"),
        Arguments.of(COMPOSE, "--config=/etc/otelcol/config.yaml", "--config=/etc/config.yaml", "no collector runs"),
        Arguments.of(COMPOSE, "environment:", "environment:\n    JAVA_TOOL_OPTIONS: -Xss1m",
            "JAVA_TOOL_OPTIONS belongs in"),
        // otel-collector.yaml
        Arguments.of(COLLECTOR, "0.0.0.0:4318", "0.0.0.0:4319", "but the collector listens at 0.0.0.0:4319"),
        Arguments.of(COLLECTOR, "      http:", "      grpc:", "but the collector listens at "),
        Arguments.of(COLLECTOR, "exporters: [debug]", "exporters: [file]", "traces: exporters has no file"),
        Arguments.of(COLLECTOR, "receivers: [otlp]", "receivers: []", "traces: no receivers"),
        Arguments.of(COLLECTOR, "    traces:", "    metrics:", "no pipeline of traces"));
  }

  @ParameterizedTest
  @MethodSource("mistakes")
  void shouldNoticeAMistake(String file, String from, String to, String problem) {
    assertThat(edited(file, from, to).problems()).anySatisfy(found -> assertThat(found).contains(problem));
  }

  @Test
  void shouldReadWhatADockerfileSays() {
    Dockerfile dockerfile = Dockerfile.parse("""
        # a comment
        FROM --platform=linux/amd64 base AS one
        from two
        RUN a \\
          # within
          && b
        CMD ["x", \\
          "y z"]
        ENTRYPOINT x "y z"
        """);
    assertThat(dockerfile.stages()).containsExactly("one");
    assertThat(dockerfile.image()).extracting(Dockerfile.Instruction::keyword)
        .containsExactly("FROM", "RUN", "CMD", "ENTRYPOINT");
    assertThat(dockerfile.last("RUN").orElseThrow().words()).isEqualTo(List.of("a", "&&", "b"));
    assertThat(dockerfile.command("CMD")).containsExactly("x", "y z");
    assertThat(dockerfile.command("ENTRYPOINT")).isEmpty();
    assertThatThrownBy(() -> Dockerfile.parse("RUN x")).hasMessageContaining("FROM");
  }
}
