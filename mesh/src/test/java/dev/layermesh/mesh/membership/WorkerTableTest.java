package dev.layermesh.mesh.membership;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class WorkerTableTest {
  private static final Lease LEASE = new Lease(Duration.ofSeconds(1), Duration.ofSeconds(10));

  private final Set<String> members = new HashSet<>(Set.of("n1", "n2"));
  private final List<String> left = new ArrayList<>();
  private long now;
  private final WorkerTable table = new WorkerTable(members::contains, LEASE, () -> now);

  @Test
  void shouldDropAWorkerWhoseLeaseRanOut() {
    table.onLeave(left::add);
    table.announced("n1", Ads.draft("silent"));
    now += Duration.ofSeconds(6).toNanos();
    table.announced("n2", Ads.draft("speaking"));
    now += Duration.ofSeconds(5).toNanos();
    table.sweep();
    assertThat(table.live(Role.DRAFT)).extracting(WorkerAd::id).containsExactly("speaking");
    assertThat(left).containsExactly("silent");
    table.sweep();
    assertThat(left).hasSize(1);
  }

  @Test
  void shouldDropAllWorkersOfANodeAndIgnoreTheirLateAds() {
    table.onLeave(left::add);
    table.announced("n1", Ads.draft("d"));
    table.announced("n1", Ads.verify("v"));
    table.announced("n2", Ads.verify("w"));
    members.remove("n1");
    table.nodeLeft("n1");
    table.announced("n1", Ads.draft("d"));
    assertThat(left).containsExactly("d", "v");
    assertThat(table.live(Role.DRAFT)).isEmpty();
    assertThat(table.live(Role.VERIFY)).extracting(WorkerAd::id).containsExactly("w");
  }

  @Test
  void shouldNoticeInASweepANodeThatLeftUnseen() {
    table.onLeave(left::add);
    table.announced("n1", Ads.draft("d"));
    members.remove("n1");
    table.sweep();
    assertThat(left).containsExactly("d");
  }

  @Test
  void shouldTellEveryListenerEvenWhenOneFails() {
    table.onLeave(id -> {
      throw new IllegalStateException("on purpose");
    });
    Registration kept = table.onLeave(left::add);
    table.announced("n1", Ads.draft("a"));
    table.left("a");
    assertThat(left).containsExactly("a");
    kept.close();
    table.announced("n1", Ads.draft("b"));
    table.left("b");
    assertThat(left).containsExactly("a");
  }
}
