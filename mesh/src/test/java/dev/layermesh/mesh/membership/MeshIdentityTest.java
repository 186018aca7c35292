package dev.layermesh.mesh.membership;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import java.util.Map;
import org.junit.jupiter.api.Test;

class MeshIdentityTest {
  private final MeshIdentity served = new MeshIdentity("f1", Map.of("layer 0", "aa", "layer 7", "cc"), 3);

  @Test
  void shouldAcceptAWorkerThatKnowsOtherParts() {
    var other = new MeshIdentity("f1", Map.of("layer 7", "cc", "layer 8", "dd"), 3);
    assertThatCode(() -> other.requireSameAs(served)).doesNotThrowAnyException();
  }

  @Test
  void shouldRefuseAFineTuneThatDiffersInOneLayerAndNameBothValues() {
    var other = new MeshIdentity("f1", Map.of("layer 0", "bb"), 3);
    assertThatThrownBy(() -> other.requireSameAs(served))
        .isInstanceOf(InputException.class)
        .hasMessage("fingerprint.layer_0=bb: this mesh serves aa; give the same model, or another --cluster");
  }

  @Test
  void shouldKeepItsContentAsJson() {
    assertThat(MeshIdentity.fromJson(served.toJson())).isEqualTo(served);
  }
}
