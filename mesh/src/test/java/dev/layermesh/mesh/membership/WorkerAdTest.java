package dev.layermesh.mesh.membership;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import io.vertx.core.json.JsonObject;
import org.junit.jupiter.api.Test;

class WorkerAdTest {
  private static final WorkerAd AD = new WorkerAd(
      "draft-1", Role.DRAFT, "shakespeare", "abc", "cpu/vector", 2, 4, 8, 64, 256, 512, false, 3, false);

  @Test
  void shouldSurviveTheTripThroughJson() {
    assertThat(WorkerAd.fromJson(new JsonObject(AD.toJson().encode()))).isEqualTo(AD);
    assertThat(WorkerAd.fromJson(AD.withLoad(0, true).toJson())).isEqualTo(AD.withLoad(0, true));
  }

  @Test
  void shouldRefuseAnExitLayerThatLeavesOneSideEmpty() {
    for (int exitLayer : new int[] {0, 8}) {
      assertThatThrownBy(() -> new WorkerAd(
          "draft-1", Role.DRAFT, "m", "abc", "cpu", exitLayer, 4, 8, 64, 256, 512, false, 0, false))
          .isInstanceOf(InputException.class).hasMessage("exit_layer=" + exitLayer
              + ": must be in 1..7 for 8 layers");
    }
  }

  @Test
  void shouldRefuseAWindowThatNoSessionMayHave() {
    assertThatThrownBy(() -> WorkerAd.fromJson(AD.toJson().put("window", 65)))
        .isInstanceOf(InputException.class).hasMessageContaining("window=65");
  }

  @Test
  void shouldRefuseJsonThatIsNoWorkerAd() {
    assertThatThrownBy(() -> WorkerAd.fromJson(AD.toJson().put("role", "JUDGE")))
        .isInstanceOf(InputException.class).hasMessageContaining("worker ad").hasMessageContaining("JUDGE");
    assertThatThrownBy(() -> WorkerAd.fromJson(AD.toJson().put("id", 7).put("vocab_size", "many")))
        .isInstanceOf(InputException.class).hasMessageContaining("worker ad");
    assertThatThrownBy(() -> WorkerAd.fromJson(new JsonObject().put("id", "x")))
        .isInstanceOf(InputException.class).hasMessageContaining("worker ad");
  }
}
