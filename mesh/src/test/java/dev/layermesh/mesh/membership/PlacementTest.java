package dev.layermesh.mesh.membership;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class PlacementTest {
  @Test
  void shouldChooseTheLeastLoadedWorkerThatDoesNotDrain() {
    Placement placement = placement(
        Ads.draft("busy").withLoad(3, false), Ads.draft("free").withLoad(1, false),
        Ads.draft("leaving").withLoad(0, true),
        Ads.verify("v-busy").withLoad(2, false), Ads.verify("v-free").withLoad(0, false));
    WorkerAd draft = placement.draft(Optional.empty(), Set.of()).orElseThrow();
    assertThat(draft.id()).isEqualTo("free");
    assertThat(placement.verify(draft, Set.of()).orElseThrow().id()).isEqualTo("v-free");
  }

  @Test
  void shouldNotChooseASuspect() {
    Placement placement = placement(Ads.draft("d1"), Ads.draft("d2").withLoad(9, false), Ads.verify("v1"));
    assertThat(placement.draft(Optional.empty(), Set.of("d1"))).map(WorkerAd::id).contains("d2");
    assertThat(placement.draft(Optional.empty(), Set.of("d1", "d2"))).isEmpty();
    assertThat(placement.draft(Optional.empty(), Set.of("v1"))).isEmpty();
    assertThat(placement.verify(Ads.draft("d1"), Set.of("v1"))).isEmpty();
  }

  @Test
  void shouldContinueOnlyWithTheArithmeticASessionBeganWith() {
    Placement placement = placement(
        Ads.draft("cpu").withLoad(9, false), Ads.with(Ads.draft("cuda"), "f1", 2, "cuda"),
        Ads.verify("v-cpu"), Ads.with(Ads.verify("v-cuda"), "f1", 2, "cuda"));
    assertThat(placement.draft(Optional.empty(), Set.of())).map(WorkerAd::id).contains("cuda");
    WorkerAd draft = placement.draft(Optional.of("cpu"), Set.of()).orElseThrow();
    assertThat(draft.id()).isEqualTo("cpu");
    assertThat(placement.verify(draft, Set.of())).map(WorkerAd::id).contains("v-cpu");
    assertThat(placement.draft(Optional.of("tpu"), Set.of())).isEmpty();
  }

  @Test
  void shouldPairOnlyWorkersOfOneModelSplitAtOneLayer() {
    WorkerAd draft = Ads.draft("d");
    assertThat(placement(draft, Ads.with(Ads.verify("v"), "f2", 2, "cpu")).verify(draft, Set.of())).isEmpty();
    assertThat(placement(draft, Ads.with(Ads.verify("v"), "f1", 3, "cpu")).verify(draft, Set.of())).isEmpty();
    assertThat(placement(draft, Ads.with(Ads.verify("v"), "f1", 2, "cpu")).verify(draft, Set.of())).isPresent();
  }

  @Test
  void shouldSpreadSessionsOverEqualWorkers() {
    Placement placement = placement(Ads.draft("d1"), Ads.draft("d2"), Ads.draft("d3"), Ads.verify("v"));
    Set<String> chosen = new HashSet<>();
    for (int i = 0; i < 100; i++) {
      chosen.add(placement.draft(Optional.empty(), Set.of()).orElseThrow().id());
    }
    assertThat(chosen).containsExactlyInAnyOrder("d1", "d2", "d3");
  }

  @Test
  void shouldNameTheMissingRole() {
    assertThat(placement().missing()).containsExactlyInAnyOrder(Role.DRAFT, Role.VERIFY);
    assertThat(placement(Ads.draft("d")).missing()).containsExactly(Role.VERIFY);
    assertThat(placement(Ads.verify("v")).missing()).containsExactly(Role.DRAFT);
    assertThat(placement(Ads.draft("d"), Ads.with(Ads.verify("v"), "f1", 2, "cuda")).missing())
        .containsExactly(Role.VERIFY);
    assertThat(placement(Ads.draft("d"), Ads.verify("v")).missing()).isEmpty();
  }

  private static Placement placement(WorkerAd... ads) {
    return new Placement(new Workers() {
      @Override
      public List<WorkerAd> live(Role role) {
        return Stream.of(ads).filter(ad -> ad.role() == role).toList();
      }

      @Override
      public Registration onLeave(Consumer<String> listener) {
        return () -> {};
      }
    }, new Random(7));
  }
}
