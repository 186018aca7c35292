package dev.layermesh.gateway;

import io.vertx.core.http.HttpServerRequest;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.Optional;

/**
 * Which web pages may use the gateway through a visitor's browser: its own, and those served by the visitor's machine.
 * Programs send no {@code Origin} and are not concerned.
 */
final class Origins {
  private Origins() {}

  static boolean allowed(HttpServerRequest request) {
    return Optional.ofNullable(request.getHeader("origin"))
        .map(origin -> allowed(origin, Optional.ofNullable(request.getHeader("host"))))
        .orElse(true);
  }

  static boolean allowed(String origin, Optional<String> host) {
    URI uri;
    try {
      uri = new URI(origin);
    } catch (URISyntaxException e) {
      return false;
    }
    if (uri.getHost() == null) {
      return false;
    }
    return host.filter(uri.getAuthority()::equalsIgnoreCase).isPresent() || loopback(uri.getHost());
  }

  private static boolean loopback(String host) {
    return host.equalsIgnoreCase("localhost") || host.equals("[::1]") || host.matches("127\\.\\d+\\.\\d+\\.\\d+");
  }
}
