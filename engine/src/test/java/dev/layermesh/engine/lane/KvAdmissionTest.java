package dev.layermesh.engine.lane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.Transformer;
import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.BackendOptions;
import dev.layermesh.engine.backend.Backends;
import dev.layermesh.engine.backend.Device;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.checkpoint.Slice;
import dev.layermesh.engine.kv.KvOptions;
import dev.layermesh.engine.lane.KvAdmission.Decision;
import dev.layermesh.testkit.Fixtures;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Which session gets blocks when they are short. The test's thread is the lane's thread here, and sets the clock. */
@Timeout(60)
class KvAdmissionTest {
  private static final int BLOCK = 16; // positions
  private static final int BLOCKS = 4;
  private static final long PATIENCE = 100;

  private Checkpoint checkpoint;
  private Backend backend;
  private InferenceLane lane;
  private KvAdmission admission;
  private long now = -1000; // as System.nanoTime may be

  @BeforeEach
  void open() {
    checkpoint = Checkpoint.open(Fixtures.tinyLlama2());
    var config = checkpoint.config();
    long block = 2L * config.numKvHeads() * config.headDim() * BLOCK * Float.BYTES;
    backend = Backends.open(
        new BackendOptions(Device.CPU, 1, new KvOptions(BLOCKS * block, BLOCK, true), false), "scalar");
    var weights = checkpoint.weights(Slice.whole(config.numLayers()));
    var transformer = Transformer.prepare(config, weights, backend, (done, total) -> {});
    lane = new InferenceLane(List.of(transformer), 32, () -> now);
    admission = new KvAdmission(transformer.memory());
    assertThat(transformer.memory().blocks()).isEqualTo(BLOCKS);
  }

  @AfterEach
  void close() {
    lane.close();
    backend.close();
    checkpoint.close();
  }

  /** A batch of its own that needs so many blocks from the first position on. */
  private Decision alone(Tenant tenant, int blocks) {
    admission.startBatch();
    return along(tenant, blocks);
  }

  private Decision along(Tenant tenant, int blocks) {
    return at(tenant, 0, blocks * BLOCK);
  }

  private Decision at(Tenant tenant, int first, int rows) {
    var ids = TokenIds.of(new int[rows]);
    var step = new Step(first, new Step.Input.Tokens(ids), Optional.empty(), List.of());
    return admission.admit(tenant, step, now, PATIENCE);
  }

  private static void assertRefused(Decision decision, StepResult.Refused why) {
    assertThat(decision).isEqualTo(new Decision.Refused(why));
  }

  private static void assertAdmitted(Decision decision) {
    assertThat(decision).isEqualTo(new Decision.Admitted());
  }

  @Test
  void shouldTakeFromTheYoungestAndTellIt() {
    Tenant old = lane.newTenant(0, 0);
    Tenant young = lane.newTenant(0, 0);
    Tenant youngest = lane.newTenant(0, 0);
    assertAdmitted(alone(old, 1));
    assertAdmitted(alone(young, 1));
    assertAdmitted(alone(youngest, 2));
    assertAdmitted(alone(old, 3));
    assertThat(youngest.cache().blocks()).isZero();
    assertThat(young.cache().blocks()).isEqualTo(1);
    assertRefused(at(youngest, 1, 1), new StepResult.Preempted(0));
    assertRefused(alone(youngest, 1), new StepResult.NoRoom());
    assertThat(admission.stats().preempted()).isEqualTo(1);
    admission.leave(old);
    assertAdmitted(alone(youngest, 1));
  }

  @Test
  void shouldWaitForOlderSessionsAndNotBeginBeforeOneThatWaits() {
    Tenant old = lane.newTenant(0, 0);
    Tenant waiting = lane.newTenant(0, 0);
    Tenant late = lane.newTenant(0, 0);
    assertAdmitted(alone(old, 3));
    assertRefused(alone(waiting, 2), new StepResult.NoRoom());
    assertRefused(alone(late, 1), new StepResult.NoRoom());
    admission.leave(old);
    assertRefused(alone(late, 1), new StepResult.NoRoom());
    assertAdmitted(alone(waiting, 2));
    assertAdmitted(alone(late, 1));
  }

  @Test
  void shouldNotWaitForASessionThatIsOver() {
    Tenant old = lane.newTenant(0, 0);
    Tenant waiting = lane.newTenant(0, 0);
    Tenant late = lane.newTenant(0, 0);
    assertAdmitted(alone(old, 3));
    assertRefused(alone(waiting, 2), new StepResult.NoRoom());
    admission.leave(waiting);
    assertAdmitted(alone(late, 1));
  }

  @Test
  void shouldBeginOnlyWithRoomForAllThatIsKnown() {
    Tenant old = lane.newTenant(0, 0);
    Tenant known = lane.newTenant(0, BLOCK + 1); // and a block more
    assertAdmitted(alone(old, 2));
    assertRefused(alone(known, 1), new StepResult.NoRoom());
    assertThat(known.cache().blocks()).isZero();
    admission.leave(old);
    assertAdmitted(alone(known, 1));
  }

  @Test
  void shouldNotTakeFromTheBatchBeingMadeButGoFirstIntoTheNext() {
    Tenant old = lane.newTenant(0, 0);
    Tenant young = lane.newTenant(0, 0);
    assertAdmitted(alone(young, 3));
    assertThat(along(old, 2)).isEqualTo(new Decision.NextBatch());
    assertAdmitted(alone(old, 2));
    assertRefused(at(young, 1, 1), new StepResult.Preempted(0));
  }

  /** Two sessions each hold, on one lane, what the other waits for: on each lane the holder is idle. */
  @Test
  void shouldTakeFromAnOlderSessionThatHasBeenIdleForAsLongAsThisOneWaits() {
    Tenant old = lane.newTenant(0, 0);
    Tenant young = lane.newTenant(0, 0);
    assertAdmitted(alone(old, 3));
    assertRefused(alone(young, 2), new StepResult.NoRoom());
    now += PATIENCE / 2;
    assertAdmitted(alone(old, 3));
    now += PATIENCE / 2 + 1;
    assertRefused(alone(young, 2), new StepResult.NoRoom());
    now += PATIENCE / 2;
    assertAdmitted(alone(young, 2));
    assertRefused(at(old, 1, 1), new StepResult.Preempted(0));
    assertAdmitted(alone(old, 3));
    assertThat(young.cache().blocks()).isZero();
  }

  @Test
  void shouldNotTakeFromAnOlderSessionThatWaitsAsWell() {
    Tenant oldest = lane.newTenant(0, 0);
    Tenant old = lane.newTenant(0, 0);
    Tenant young = lane.newTenant(0, 0);
    assertAdmitted(alone(oldest, 2));
    assertAdmitted(alone(old, 1));
    assertAdmitted(alone(young, 1));
    assertRefused(alone(old, 4), new StepResult.NoRoom());
    assertThat(old.cache().blocks()).as("all blocks, the young one's included").isEqualTo(2);
    now += 10 * PATIENCE;
    assertAdmitted(alone(oldest, 2));
    assertRefused(alone(young, 1), new StepResult.NoRoom());
    now += PATIENCE + 1;
    assertAdmitted(alone(oldest, 2));
    assertRefused(alone(young, 1), new StepResult.NoRoom());
    assertThat(old.cache().blocks()).isEqualTo(2);
  }

  @Test
  void shouldRefuseForGoodWhatCanNeverFit() {
    assertThatThrownBy(() -> alone(lane.newTenant(0, 0), BLOCKS + 1))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("--kv-memory=4 blocks: position 79 of a session needs 5 blocks of 16 positions");
  }

  @Test
  void shouldRefuseRowsThatDoNotContinueTheSession() {
    assertThatThrownBy(() -> at(lane.newTenant(0, 0), 7, 1)).hasMessageContaining("rows from position 7, cache at 0");
  }
}
