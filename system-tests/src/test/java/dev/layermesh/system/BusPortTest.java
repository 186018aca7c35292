package dev.layermesh.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.TokenIds;
import dev.layermesh.mesh.membership.Role;
import dev.layermesh.testkit.Fixtures;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** No bytes that a connection sends to a worker's event bus end or block the worker. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class BusPortTest {
  private static final int ANNOUNCED = 1 << 30; // twice the heap of a child
  private static final int BLOCK = 1 << 20;

  @Test
  void shouldKeepServingWhenAConnectionAnnouncesAGigabyteAndSendsIt() throws Exception {
    try (var mesh = new ChildMesh(Map.of())) {
      String model = Fixtures.tinyLlama2().toString();
      ChildMesh.Worker verify = mesh.worker(Role.VERIFY, "--model", model, "--exit-layer", "2");
      List<Integer> ports = listeningPorts(verify.process().pid());
      assertThat(ports).as("Hazelcast's port and the bus's").hasSizeGreaterThanOrEqualTo(2);
      for (int port : ports) {
        assertThat(sent(port)).as("bytes accepted at port %d", port).isLessThan(ANNOUNCED / 4);
      }
      assertThat(verify.process().isAlive()).isTrue();
      assertThat(verify.process().stderr()).doesNotContain("OutOfMemoryError")
          .containsOnlyOnce("it announced a record of " + ANNOUNCED + " bytes");
      mesh.worker(Role.DRAFT, "--model", model, "--exit-layer", "2");
      GatewayClient client = mesh.gateway().client();
      client.awaitReady();
      TokenIds answer = client.complete("/v1/completions",
          GatewayClient.request(TokenIds.of(1, 2, 3)).put("max_tokens", 8).put("ignore_eos", true)).ids();
      assertThat(answer.length()).as("tokens through both workers").isEqualTo(8);
    }
  }

  /** Bytes of a record of 1 GB that a port took before it closed the connection. */
  private static long sent(int port) {
    byte[] block = new byte[BLOCK];
    long sent = 0;
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 5_000);
      var out = new DataOutputStream(socket.getOutputStream());
      out.writeInt(ANNOUNCED);
      while (sent < ANNOUNCED) {
        out.write(block);
        sent += block.length;
      }
    } catch (IOException closed) {
      return sent;
    }
    return sent;
  }

  /** Ports that a process listens on: state 0A of its sockets in /proc/net/tcp and tcp6. */
  private static List<Integer> listeningPorts(long pid) throws IOException {
    var inodes = new HashSet<String>();
    try (var descriptors = Files.list(Path.of("/proc", String.valueOf(pid), "fd"))) {
      for (Path descriptor : descriptors.toList()) {
        String target = Files.isSymbolicLink(descriptor) ? Files.readSymbolicLink(descriptor).toString() : "";
        if (target.startsWith("socket:[")) {
          inodes.add(target.substring(8, target.length() - 1));
        }
      }
    }
    var ports = new TreeSet<Integer>();
    for (String table : List.of("tcp", "tcp6")) {
      for (String line : Files.readAllLines(Path.of("/proc/net", table), StandardCharsets.US_ASCII)) {
        String[] fields = line.trim().split("\\s+");
        if (fields.length > 9 && fields[3].equals("0A") && inodes.contains(fields[9])) {
          ports.add(Integer.parseInt(fields[1].substring(fields[1].indexOf(':') + 1), 16));
        }
      }
    }
    return List.copyOf(ports);
  }
}
