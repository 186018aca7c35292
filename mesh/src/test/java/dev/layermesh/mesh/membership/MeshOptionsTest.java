package dev.layermesh.mesh.membership;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import java.net.InetAddress;
import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MeshOptionsTest {
  private static final InetAddress LOOPBACK = InetAddress.getLoopbackAddress();

  @Test
  void shouldLookForTheOthersOnTwentyPortsOfItsOwnAddress() {
    List<String> candidates = MeshOptions.defaults().candidates(LOOPBACK);
    assertThat(candidates).hasSize(20).startsWith("127.0.0.1:5701").endsWith("127.0.0.1:5720");
  }

  @Test
  void shouldReadPeersWithAndWithoutPort() {
    MeshOptions options = MeshOptions.defaults().withPorts(new PortRange(7000, 7001))
        .withPeers(List.of("alpha:9000", " beta ", "", "[::1]:9000", "localhost:9000"));
    assertThat(options.candidates(LOOPBACK)).containsExactly("alpha:9000", "beta:7000", "beta:7001",
        "[0:0:0:0:0:0:0:1]:9000", "127.0.0.1:9000");
    assertThat(Peer.parse("10.0.0.1")).isEqualTo(new Peer("10.0.0.1", OptionalInt.empty()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"host:", "host:0", "host:65536", "host:99999999999", "host:x", ":5701", "::1", "a b", "a/b"})
  void shouldRefuseAMalformedPeer(String peer) {
    assertThatThrownBy(() -> MeshOptions.defaults().withPeers(List.of(peer)))
        .isInstanceOf(InputException.class).hasMessageStartingWith("--peers=" + peer + ": ");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "two words", "-dash", "a/b"})
  void shouldRefuseAMalformedClusterName(String cluster) {
    assertThatThrownBy(() -> MeshOptions.defaults().withCluster(cluster))
        .isInstanceOf(InputException.class).hasMessageStartingWith("--cluster=" + cluster + ": ");
  }

  @Test
  void shouldRefuseAnEmptyAddressPortsOutOfRangeAndALeaseThatCannotBeKept() {
    assertThatThrownBy(() -> MeshOptions.defaults().withBind(" "))
        .isInstanceOf(InputException.class).hasMessageStartingWith("--bind=");
    assertThatThrownBy(() -> new PortRange(5720, 5701)).isInstanceOf(InputException.class);
    assertThatThrownBy(() -> new PortRange(65530, 65536)).isInstanceOf(InputException.class);
    assertThatThrownBy(() -> new Lease(Duration.ofSeconds(1), Duration.ofSeconds(1)))
        .isInstanceOf(InputException.class);
    assertThatThrownBy(() -> new Lease(Duration.ZERO, Duration.ofSeconds(1))).isInstanceOf(InputException.class);
  }
}
