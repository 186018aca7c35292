package dev.layermesh.gateway.api;

import io.vertx.core.http.HttpServerRequest;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.Optional;

/**
 * Decides which web pages may call the gateway from a browser: the gateway's own page and pages of the browser's own
 * machine. Programs send no {@code Origin} and are always allowed.
 *
 * <p>That origin and {@code Host} agree is not enough: the owner of a name can make it resolve to this machine after
 * the page is loaded (DNS rebinding). So {@code Host} must be loopback, an address, or the name the gateway listens on.
 */
final class OriginPolicy {
  private final String own;

  /**
   * The rule of a gateway.
   *
   * @param own the name or address it listens on
   */
  OriginPolicy(String own) {
    this.own = own;
  }

  boolean allow(HttpServerRequest request) {
    return Optional.ofNullable(request.getHeader("origin"))
        .map(origin -> allow(origin, Optional.ofNullable(request.getHeader("host")).orElse("")))
        .orElse(true);
  }

  boolean allow(String origin, String host) {
    Optional<URI> page = uri(origin);
    Optional<URI> called = uri("http://" + host);
    return page.isPresent() && called.isPresent() && known(called.get().getHost())
        && (loopback(page.get().getHost()) || page.get().getAuthority().equalsIgnoreCase(called.get().getAuthority()));
  }

  private static Optional<URI> uri(String text) {
    try {
      return Optional.of(new URI(text)).filter(uri -> uri.getHost() != null);
    } catch (URISyntaxException e) {
      return Optional.empty();
    }
  }

  private boolean known(String host) {
    return host.equalsIgnoreCase(own) || loopback(host) || host.startsWith("[")
        || host.matches("\\d+\\.\\d+\\.\\d+\\.\\d+");
  }

  private static boolean loopback(String host) {
    return host.equalsIgnoreCase("localhost") || host.equals("[::1]") || host.matches("127\\.\\d+\\.\\d+\\.\\d+");
  }
}
