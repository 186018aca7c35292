package dev.layermesh.gateway.api;

import java.time.Duration;

/**
 * The limits of a connection.
 *
 * @param host the name or address the gateway listens on
 * @param maxBodyBytes of a request body; a WebSocket message has at most 1 MiB of them
 * @param stall time that a client may take nothing, or need to send a request, before its connection is closed
 * @param ping time between two pings of a WebSocket client
 */
public record ClientLimits(String host, int maxBodyBytes, Duration stall, Duration ping) {
  private static final int MAX_MESSAGE_BYTES = 1 << 20;

  /** The largest WebSocket message. */
  public int maxMessageBytes() {
    return Math.min(maxBodyBytes, MAX_MESSAGE_BYTES);
  }
}
