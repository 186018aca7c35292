package dev.layermesh.engine.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.engine.model.LayerPlan.Layer;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class LayerPlanTest {

  @Test
  void shouldSplitAModelWithoutGapOrOverlap() {
    LayerPlan draft = LayerPlan.until(3);
    LayerPlan verify = LayerPlan.from(3, 8);

    assertThat(draft.layers()).extracting(Layer::index).containsExactly(0, 1, 2);
    assertThat(verify.layers()).extracting(Layer::index).containsExactly(3, 4, 5, 6, 7);
    assertThat(verify.first()).isEqualTo(3);
    assertThat(verify.last()).isEqualTo(7);
    assertThat(LayerPlan.all(8).size()).isEqualTo(draft.size() + verify.size());
    assertThat(draft.contains(2)).isTrue();
    assertThat(draft.contains(3)).isFalse();
    assertThat(verify.layers()).allMatch(layer -> layer.attention() && layer.mlp());
  }

  @Test
  void shouldSkipSublayersAndDropLayersOfWhichNothingRuns() {
    LayerPlan plan = LayerPlan.all(4).skipping(Set.of(1, 2), Set.of(2)).skipping(Set.of(), Set.of(1));

    assertThat(plan.layers()).containsExactly(new Layer(0, true, true), new Layer(3, true, true));
    assertThat(LayerPlan.all(2).skipping(Set.of(1), Set.of(0)).layers())
        .containsExactly(new Layer(0, true, false), new Layer(1, false, true));
  }

  @Test
  void shouldRefuseAnOrderThatNoModelHas() {
    assertThatThrownBy(() -> new LayerPlan(List.of())).hasMessage("a plan without layers");
    assertThatThrownBy(() -> new LayerPlan(List.of(new Layer(2, true, true), new Layer(2, true, true))))
        .hasMessage("layer 2 after 2");
  }
}
