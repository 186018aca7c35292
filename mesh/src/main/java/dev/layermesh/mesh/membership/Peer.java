package dev.layermesh.mesh.membership;

import dev.layermesh.decoding.InputException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Where another node may be found.
 *
 * @param host a name or an address; IPv6 addresses in brackets
 * @param port its port; without one, every port of the range is tried
 */
public record Peer(String host, OptionalInt port) {
  private static final Pattern HOST_PORT =
      Pattern.compile("(\\[[0-9A-Fa-f:.]+(?:%\\w+)?]|[^\\s:,/\\[\\]]+)(?::(\\d+))?");

  public Peer {
    if (host.isBlank()) {
      throw InputException.of("--peers", "\"\"", "must be HOST or HOST:PORT");
    }
    if (port.isPresent() && (port.getAsInt() < 1 || port.getAsInt() > 65535)) {
      throw InputException.of("--peers", host + ":" + port.getAsInt(), "port must be in 1..65535");
    }
  }

  /** Reads {@code HOST}, {@code HOST:PORT}, {@code [::1]} or {@code [::1]:PORT}. */
  public static Peer parse(String text) {
    Matcher matcher = HOST_PORT.matcher(text.strip());
    if (!matcher.matches()) {
      throw InputException.of("--peers", text, "must be HOST or HOST:PORT, an IPv6 address in brackets");
    }
    if (matcher.group(2) == null) {
      return new Peer(matcher.group(1), OptionalInt.empty());
    }
    if (matcher.group(2).length() > 5) {
      throw InputException.of("--peers", text, "port must be in 1..65535");
    }
    return new Peer(matcher.group(1), OptionalInt.of(Integer.parseInt(matcher.group(2))));
  }

  /**
   * The addresses to try, as {@code ADDRESS:PORT}. Hazelcast tells members apart by address, so a name is resolved
   * here; a name that cannot be resolved yet is passed on for Hazelcast to retry.
   */
  Stream<String> candidates(PortRange ports) {
    String address = address();
    return port.isPresent()
        ? Stream.of(address + ":" + port.getAsInt())
        : ports.stream().mapToObj(candidate -> address + ":" + candidate);
  }

  private String address() {
    try {
      return MeshOptions.text(InetAddress.getByName(host));
    } catch (UnknownHostException e) {
      return host;
    }
  }
}
