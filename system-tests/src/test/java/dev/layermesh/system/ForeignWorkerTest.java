package dev.layermesh.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import dev.layermesh.draft.DraftWorker;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.speculation.DraftModel;
import dev.layermesh.engine.speculation.VerifyModel;
import dev.layermesh.mesh.membership.MeshOptions;
import dev.layermesh.mesh.membership.Role;
import dev.layermesh.testkit.Fixtures;
import dev.layermesh.verify.VerifyWorker;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A mesh serves one model, split at one layer. */
@Timeout(value = 1, unit = TimeUnit.MINUTES)
class ForeignWorkerTest {
  private static final EngineOptions SERVED = EngineOptions.of(Fixtures.tinyLlama2()).withExitLayer(2);

  private static ClusterNode first;
  private static ClusterNode second;

  @BeforeAll
  static void join() {
    MeshOptions options = ClusterNode.options();
    first = ClusterNode.join(options);
    second = ClusterNode.join(options);
  }

  @AfterAll
  static void leave() {
    second.close();
    first.close();
  }

  @Test
  void shouldRefuseAVerifierThatIsSplitElsewhereNamingBothLayers() {
    try (DraftModel draft = SplitModel.draft(SERVED);
        DraftWorker worker = first.draft(draft);
        VerifyModel foreign = SplitModel.verify(SERVED.withExitLayer(3))) {
      assertRefused(() -> second.verify(foreign), "exit_layer=3: this mesh serves 2");
      assertThat(worker.sessions()).isZero();
    }
  }

  @Test
  void shouldRefuseADrafterOfAnotherModelNamingBothFingerprints() {
    EngineOptions other = EngineOptions.of(Fixtures.tinyLlama3()).withExitLayer(2);
    try (VerifyModel verify = SplitModel.verify(SERVED);
        VerifyWorker worker = first.verify(verify);
        DraftModel foreign = SplitModel.draft(other)) {
      String refusal = "fingerprint=" + foreign.model().fingerprint().id() + ": this mesh serves "
          + verify.model().fingerprint().id();
      assertRefused(() -> second.draft(foreign), refusal);
      assertThat(worker.sessions()).isZero();
    }
  }

  @Test
  void shouldServeAnotherModelWhenTheLastWorkerOfOneHasLeft() {
    try (DraftModel draft = SplitModel.draft(SERVED); DraftWorker worker = first.draft(draft)) {
      assertThat(worker.sessions()).isZero();
    }
    try (VerifyModel other = SplitModel.verify(SERVED.withExitLayer(3)); VerifyWorker worker = second.verify(other)) {
      assertThat(worker.sessions()).isZero();
    }
  }

  private static void assertRefused(Runnable start, String refusal) {
    assertThatThrownBy(start::run)
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith(refusal)
        .message().doesNotContain("\n");
    assertThat(second.registry().live(Role.DRAFT).size() + second.registry().live(Role.VERIFY).size())
        .as("workers of the mesh").isLessThanOrEqualTo(1);
  }
}
