package dev.layermesh.gateway.turn;

import dev.layermesh.decoding.loop.Round;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.config.NamingConvention;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusNamingConvention;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The metrics of the gateway. They have vLLM's names with the prefix {@code layermesh:}, so that vLLM's dashboards work
 * after a change of the prefix. Thread-safe.
 */
public final class GatewayMetrics {
  private static final String PREFIX = "layermesh:";

  private final PrometheusMeterRegistry registry = registry();
  private final AtomicInteger running = new AtomicInteger();
  private final Counter drafts = counter("spec_decode_num_drafts", "Windows judged");
  private final Counter draftTokens = counter("spec_decode_num_draft_tokens", "Draft tokens judged");
  private final Counter acceptedTokens = counter("spec_decode_num_accepted_tokens", "Accepted draft tokens");
  private final Counter promptTokens = counter("prompt_tokens", "Tokens of prompts");
  private final Counter generationTokens = counter("generation_tokens", "Tokens committed");
  private final Timer firstToken = timer("time_to_first_token", "From a request to its first token");
  private final Timer total = timer("e2e_request_latency", "From a request to the end of its answer");
  private final Timer perToken = timer("inter_token_latency", "Mean time between tokens of a request");

  GatewayMetrics() {
    Gauge.builder("num_requests_running", running, AtomicInteger::get)
        .description("Generations on their way to clients")
        .register(registry);
  }

  /** Keeps the colon of the prefix, which Micrometer's convention would replace by an underscore. */
  private static PrometheusMeterRegistry registry() {
    var registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    var usual = new PrometheusNamingConvention();
    registry.config().namingConvention(new NamingConvention() {
      @Override
      public String name(String name, Meter.Type type, String unit) {
        return PREFIX + usual.name(name, type, unit);
      }

      @Override
      public String tagKey(String key) {
        return usual.tagKey(key);
      }
    });
    return registry;
  }

  /** Prometheus text. */
  public String scrape() {
    return registry.scrape();
  }

  void started(int prompt) {
    running.incrementAndGet();
    promptTokens.increment(prompt);
  }

  void firstToken(long nanos) {
    firstToken.record(Duration.ofNanos(nanos));
  }

  void round(Round round) {
    generationTokens.increment(round.committed().length());
    if (round.drafted().isEmpty()) {
      return;
    }
    drafts.increment();
    draftTokens.increment(round.drafted().length());
    acceptedTokens.increment(round.accepted());
    for (int position = 0; position < round.accepted(); position++) {
      Counter.builder("spec_decode_num_accepted_tokens_per_pos")
          .description("Accepted draft tokens, by position in the window")
          .tag("position", Integer.toString(position))
          .register(registry)
          .increment();
    }
  }

  /** A request ended in {@code reason}: a finish reason, or the code of an error. */
  void ended(String reason, boolean success) {
    running.decrementAndGet();
    Counter.builder((success ? "request_success" : "request_failure"))
        .description(success ? "Requests answered" : "Requests that failed or lost their client")
        .tag(success ? "finished_reason" : "code", reason)
        .register(registry)
        .increment();
  }

  void timed(TurnResult result) {
    total.record(Duration.ofNanos(result.totalNanos()));
    if (result.firstTokenNanos().isPresent() && result.ids().length() > 1) {
      long decode = result.totalNanos() - result.firstTokenNanos().getAsLong();
      perToken.record(Duration.ofNanos(decode / (result.ids().length() - 1)));
    }
  }

  private Counter counter(String name, String what) {
    return Counter.builder(name).description(what).register(registry);
  }

  private Timer timer(String name, String what) {
    return Timer.builder(name)
        .description(what)
        .serviceLevelObjectives(
            Duration.ofMillis(1), Duration.ofMillis(5), Duration.ofMillis(10), Duration.ofMillis(25),
            Duration.ofMillis(50), Duration.ofMillis(100), Duration.ofMillis(250), Duration.ofMillis(500),
            Duration.ofSeconds(1), Duration.ofMillis(2500), Duration.ofSeconds(5), Duration.ofSeconds(10),
            Duration.ofSeconds(30), Duration.ofSeconds(60), Duration.ofSeconds(120))
        .register(registry);
  }
}
