package dev.layermesh.engine.lane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.Transformer;
import dev.layermesh.engine.backend.BackendOptions;
import dev.layermesh.engine.backend.Device;
import dev.layermesh.engine.backend.DeviceLostException;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.checkpoint.Slice;
import dev.layermesh.engine.device.FakeBackend;
import dev.layermesh.engine.device.FakeProvider;
import dev.layermesh.testkit.Fixtures;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A lost device ends its lane, so that sessions do not retry on it for ever. */
@Timeout(60)
class LostDeviceTest {

  private final Checkpoint checkpoint = Checkpoint.open(Fixtures.tinyLlama2());
  private final FakeBackend backend =
      (FakeBackend) new FakeProvider().create(new BackendOptions(Device.parse("fake:0"), 1));

  @AfterEach
  void close() {
    backend.close();
    checkpoint.close();
  }

  private Transformer transformer() {
    var weights = checkpoint.weights(Slice.whole(checkpoint.config().numLayers()));
    return Transformer.prepare(checkpoint.config(), weights, backend, (_, _) -> {});
  }

  @Test
  void shouldEndTheLaneAndFailEverySession() throws Exception {
    InferenceLane lane = InferenceLane.start("test", List.of(transformer()), backend.stepRows());
    LaneSession first = lane.open();
    LaneSession second = lane.open();
    assertThat(first.run(0, TokenIds.of(1, 2), List.of(), Optional.empty())).isInstanceOf(StepResult.Done.class);
    assertThat(lane.lost()).isNotDone();
    backend.lose();
    assertThatThrownBy(() -> first.run(2, TokenIds.of(3), List.of(), Optional.empty()))
        .isInstanceOf(DeviceLostException.class)
        .hasMessage("device fake:0 is lost: it fell off the bus");
    assertThat(lane.lost().get(10, TimeUnit.SECONDS)).hasMessageContaining("fake:0 is lost");
    assertThatThrownBy(() -> second.run(0, TokenIds.of(3), List.of(), Optional.empty()))
        .isInstanceOf(DeviceLostException.class);
    assertThatThrownBy(() -> second.hitPrefix(0, TokenIds.of(3))).isInstanceOf(DeviceLostException.class);
    first.close();
    lane.close();
  }

  @Test
  void shouldFailAllStepsOfABatchThatHeldAWrongOneToo() {
    InferenceLane lane = new InferenceLane(List.of(transformer()), backend.stepRows(), () -> 0);
    int noToken = checkpoint.config().vocabSize();
    List<Order.Run> steps = IntStream.of(3, noToken, 4).mapToObj(id -> submit(lane.open(), id)).toList();
    backend.lose();
    assertThat(lane.runOnce()).isTrue();
    for (Order.Run step : steps) {
      assertThat(step.result()).failsWithin(Duration.ZERO).withThrowableThat()
          .withCauseInstanceOf(DeviceLostException.class);
    }
    lane.close();
  }

  private static Order.Run submit(LaneSession session, int id) {
    return session.submit(0, new Step.Input.Tokens(TokenIds.of(id)), List.of(), Optional.empty());
  }
}
