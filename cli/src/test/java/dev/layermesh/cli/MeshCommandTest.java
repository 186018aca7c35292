package dev.layermesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Tag("slow")
@Timeout(180)
class MeshCommandTest {

  @Test
  void shouldServeFromProcessesOfItsOwnAndEndThemAll() throws InterruptedException {
    try (var mesh = new Running("mesh", "--cluster", "test-" + UUID.randomUUID(), "--port", "0")) {
      String url = mesh.awaitOut("gateway \\| gateway ready: (http://\\S+), ").group(1);
      mesh.awaitOut("draft-1 \\| draft worker ready");
      mesh.awaitOut("verify-1 \\| verify worker ready");
      assertThat(ProcessHandle.current().children().filter(ProcessHandle::isAlive).count()).isEqualTo(3);

      var here = Cli.run("generate", "--prompt", "ROMEO:", "--max-tokens", "12");
      assertThat(Gateways.answer(url)).isEqualTo(here.out());

      assertThat(mesh.end().status()).isZero();
      assertThat(ProcessHandle.current().children().filter(ProcessHandle::isAlive)).isEmpty();
    }
  }
}
