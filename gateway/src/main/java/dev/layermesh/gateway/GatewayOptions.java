package dev.layermesh.gateway;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.gateway.api.ClientLimits;
import dev.layermesh.gateway.turn.Turns;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;

/**
 * How a gateway listens and what it allows.
 *
 * @param host address to listen on
 * @param port TCP port; 0 takes a free one
 * @param window draft tokens in a window of requests that name none; absent takes the window that the draft
 *     worker advertises, which knows whether its model was trained to exit early
 * @param modelSampling whether temperature, top_k and top_p of the model's {@code generation_config.json} apply to
 *     requests that name none
 * @param maxSessions generations at a time; more are refused with 429
 * @param creditTokens tokens a drafter may commit beyond those that the client's socket took
 * @param maxBodyBytes of a request body; a WebSocket message has at most 1 MiB of them
 * @param drain time that {@link Gateway#close()} gives running streams to finish
 * @param stall time that a client may take nothing, or need to send a request, before its connection is closed
 * @param ping time between two pings of a WebSocket client. A client that answers none of two is disconnected, unless
 *     it has events to read: then {@code stall} applies
 */
public record GatewayOptions(
    String host,
    int port,
    Optional<WindowPolicy> window,
    boolean modelSampling,
    int maxSessions,
    int creditTokens,
    int maxBodyBytes,
    Duration drain,
    Duration stall,
    Duration ping) {

  /** 127.0.0.1:8080, with the windows that workers suggest. */
  public static final GatewayOptions DEFAULT = new GatewayOptions(
      "127.0.0.1", 8080, Optional.empty(), true, 256, 256, 4 << 20,
      Duration.ofSeconds(10), Duration.ofSeconds(60), Duration.ofSeconds(20));

  public GatewayOptions {
    if (host.isBlank()) {
      throw InputException.of("host", "\"" + host + "\"", "must name an address to listen on");
    }
    requireIn("port", port, 0, 65535);
    Objects.requireNonNull(window, "window");
    requireIn("max_sessions", maxSessions, 1, 1 << 20);
    requireIn("credit_tokens", creditTokens, 1, 1 << 20);
    requireIn("max_body_bytes", maxBodyBytes, 1 << 10, 1 << 30);
    requirePositive("drain", drain);
    requirePositive("stall", stall);
    requirePositive("ping", ping);
  }

  public GatewayOptions withAddress(String host, int port) {
    return new GatewayOptions(
        host, port, window, modelSampling, maxSessions, creditTokens, maxBodyBytes, drain, stall, ping);
  }

  public GatewayOptions withWindow(Optional<WindowPolicy> window) {
    return new GatewayOptions(
        host, port, window, modelSampling, maxSessions, creditTokens, maxBodyBytes, drain, stall, ping);
  }

  public GatewayOptions withModelSampling(boolean modelSampling) {
    return new GatewayOptions(
        host, port, window, modelSampling, maxSessions, creditTokens, maxBodyBytes, drain, stall, ping);
  }

  public GatewayOptions withLimits(int maxSessions, int creditTokens, int maxBodyBytes) {
    return new GatewayOptions(
        host, port, window, modelSampling, maxSessions, creditTokens, maxBodyBytes, drain, stall, ping);
  }

  public GatewayOptions withPatience(Duration drain, Duration stall, Duration ping) {
    return new GatewayOptions(
        host, port, window, modelSampling, maxSessions, creditTokens, maxBodyBytes, drain, stall, ping);
  }

  /** The limits of turns. */
  Turns.Limits turns() {
    return new Turns.Limits(maxSessions, drain, stall);
  }

  /** The limits of connections. */
  ClientLimits clients() {
    return new ClientLimits(host, maxBodyBytes, stall, ping);
  }

  private static void requireIn(String field, int value, int least, int most) {
    if (value < least || value > most) {
      throw InputException.of(field, value, "must be between " + least + " and " + most);
    }
  }

  private static void requirePositive(String field, Duration value) {
    if (value.isNegative() || value.isZero()) {
      throw InputException.of(field, value, "must be longer than zero");
    }
  }
}
