package dev.layermesh.mesh.membership;

import dev.layermesh.decoding.InputException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.util.List;
import java.util.OptionalInt;

/**
 * How a process joins the mesh.
 *
 * @param cluster only nodes with the same name find each other; it is no secret and protects nothing
 * @param bind    the one address of this machine to listen on, a name or a literal; whatever can connect to it can join
 * @param peers   where to look for other nodes; empty means this machine, at {@code bind}
 * @param ports   where to listen, and where to look when a peer names no port
 * @param lease   how long a worker that does not renew its ad counts as alive
 */
public record MeshOptions(String cluster, String bind, List<Peer> peers, PortRange ports, Lease lease) {
  public static final String DEFAULT_CLUSTER = "layermesh";
  /** Loopback: other machines can join only if asked for. */
  public static final String DEFAULT_BIND = "127.0.0.1";

  public MeshOptions {
    if (!cluster.matches("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")) {
      throw InputException.of(
          "--cluster", cluster, "must be 1 to 64 letters, digits, dots, dashes or underscores");
    }
    if (bind.isBlank()) {
      throw InputException.of("--bind", "\"\"", "must be an address of this machine");
    }
    peers = List.copyOf(peers);
  }

  /** The documented defaults: cluster {@code layermesh} on the loopback address. */
  public static MeshOptions defaults() {
    return new MeshOptions(DEFAULT_CLUSTER, DEFAULT_BIND, List.of(), PortRange.DEFAULT, Lease.DEFAULT);
  }

  /** The same with another cluster name. */
  public MeshOptions withCluster(String cluster) {
    return new MeshOptions(cluster, bind, peers, ports, lease);
  }

  /** The same on another address. */
  public MeshOptions withBind(String bind) {
    return new MeshOptions(cluster, bind, peers, ports, lease);
  }

  /** The same with peers given as {@code HOST[:PORT]}; blank ones are left out. */
  public MeshOptions withPeers(List<String> peers) {
    List<Peer> parsed = peers.stream().filter(peer -> !peer.isBlank()).map(Peer::parse).toList();
    return new MeshOptions(cluster, bind, parsed, ports, lease);
  }

  /** The same on other ports. */
  public MeshOptions withPorts(PortRange ports) {
    return new MeshOptions(cluster, bind, peers, ports, lease);
  }

  /** The same with another lease. */
  public MeshOptions withLease(Lease lease) {
    return new MeshOptions(cluster, bind, peers, ports, lease);
  }

  /**
   * Finds {@code bind} among the addresses of this machine.
   *
   * @throws InputException if it is none of them
   */
  InetAddress bindAddress() {
    try {
      InetAddress address = InetAddress.getByName(bind);
      if (address.isAnyLocalAddress()) {
        throw InputException.of("--bind", bind, "must be one address that the other nodes can reach, not all of them");
      }
      if (NetworkInterface.getByInetAddress(address) == null) {
        throw InputException.of("--bind", bind, "is not an address of this machine");
      }
      return address;
    } catch (UnknownHostException e) {
      throw InputException.of("--bind", bind, "is not an address of this machine");
    } catch (SocketException e) {
      throw InputException.of("--bind", bind, "cannot be used: " + e.getMessage());
    }
  }

  /** Every {@code HOST:PORT} at which another node may be. */
  List<String> candidates(InetAddress bindAddress) {
    return peers.isEmpty()
        ? new Peer(text(bindAddress), OptionalInt.empty()).candidates(ports).toList()
        : peers.stream().flatMap(peer -> peer.candidates(ports)).distinct().toList();
  }

  static String text(InetAddress address) {
    String text = address.getHostAddress();
    return text.contains(":") ? "[" + text + "]" : text;
  }
}
