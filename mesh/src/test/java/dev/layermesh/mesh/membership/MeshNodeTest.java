package dev.layermesh.mesh.membership;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Tag("slow")
@Timeout(60)
class MeshNodeTest {
  @Test
  void shouldCarryARequestBetweenNodesThatStartedAtOnce() throws Exception {
    MeshOptions options = TestMeshes.options();
    List<CompletableFuture<MeshNode>> joining = List.of(joinAside(options), joinAside(options), joinAside(options));
    List<MeshNode> nodes = joining.stream().map(CompletableFuture::join).toList();
    try {
      assertThat(nodes).extracting(MeshNode::nodeId).doesNotHaveDuplicates();
      nodes.get(0).vertx().eventBus().<String>consumer("echo", message -> message.reply(message.body()))
          .completion().toCompletionStage().toCompletableFuture().get(10, TimeUnit.SECONDS);
      Object reply = nodes.get(2).vertx().eventBus().request("echo", "hello")
          .toCompletionStage().toCompletableFuture().get(10, TimeUnit.SECONDS).body();
      assertThat(reply).isEqualTo("hello");
    } finally {
      nodes.forEach(MeshNode::close);
    }
  }

  private static CompletableFuture<MeshNode> joinAside(MeshOptions options) {
    return CompletableFuture.supplyAsync(() -> MeshNode.join(options), command -> Thread.ofVirtual().start(command));
  }

  @Test
  void shouldTakeTheNextPortWhenAnotherClusterHasTheFirst() {
    MeshOptions options = TestMeshes.options();
    try (MeshNode stranger = MeshNode.join(options.withCluster("stranger"));
        MeshNode node = MeshNode.join(options)) {
      assertThat(stranger.hazelcast().getCluster().getMembers()).hasSize(1);
      assertThat(node.hazelcast().getCluster().getMembers()).hasSize(1);
      assertThat(node.hazelcast().getCluster().getLocalMember().getAddress().getPort())
          .isEqualTo(options.ports().first() + 1);
    }
  }

  @Test
  void shouldJoinBesideAListenerThatIsNoMesh() throws Exception {
    MeshOptions options = TestMeshes.options();
    String silentPeer = "127.0.0.1:" + options.ports().first();
    try (ServerSocket silent = TestMeshes.occupy(options.ports().first());
        MeshNode node = MeshNode.join(options, Duration.ofSeconds(3));
        MeshNode other = MeshNode.join(options, Duration.ofSeconds(3))) {
      assertThat(silent.isBound()).isTrue();
      assertThat(node.hazelcast().getCluster().getMembers()).hasSize(2);
      assertThat(other.hazelcast().getCluster().getMembers()).hasSize(2);
      assertThat(MemberProbe.nonMembers(options.candidates(options.bindAddress()))).containsExactly(silentPeer);
    }
  }

  @Test
  void shouldSayInOneLineThatEveryPortIsTaken() throws Exception {
    PortRange free = TestMeshes.freePorts();
    PortRange ports = new PortRange(free.first(), free.first() + 1);
    try (ServerSocket first = TestMeshes.occupy(ports.first()); ServerSocket last = TestMeshes.occupy(ports.last())) {
      assertThat(first.isBound() && last.isBound()).isTrue();
      assertThatThrownBy(() -> MeshNode.join(TestMeshes.options().withPorts(ports)))
          .isInstanceOf(InputException.class)
          .hasMessage("--bind=127.0.0.1: none of its ports " + ports.first() + "-" + ports.last() + " is free");
    }
  }

  @Test
  void shouldSayInOneLineThatAnAddressIsNotOurs() {
    for (String bind : List.of("192.0.2.1", "no such host")) {
      assertThatThrownBy(() -> MeshNode.join(TestMeshes.options().withBind(bind)))
          .isInstanceOf(InputException.class).hasMessage("--bind=" + bind + ": is not an address of this machine");
    }
    assertThatThrownBy(() -> MeshNode.join(TestMeshes.options().withBind("0.0.0.0")))
        .isInstanceOf(InputException.class).hasMessageContaining("--bind=0.0.0.0");
  }
}
