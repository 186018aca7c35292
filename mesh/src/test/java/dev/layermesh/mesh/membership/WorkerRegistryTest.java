package dev.layermesh.mesh.membership;

import static dev.layermesh.mesh.membership.TestMeshes.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.hazelcast.map.IMap;
import dev.layermesh.decoding.InputException;
import io.vertx.core.json.JsonObject;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Tag("slow")
@Timeout(60)
class WorkerRegistryTest {
  private static final MeshOptions OPTIONS = TestMeshes.options();
  private static final List<MeshNode> NODES = new ArrayList<>();

  private WorkerRegistry first;
  private WorkerRegistry second;
  private WorkerRegistry third;

  @BeforeAll
  static void join() {
    for (int i = 0; i < 3; i++) {
      NODES.add(MeshNode.join(OPTIONS));
    }
  }

  @AfterAll
  static void leave() {
    NODES.forEach(MeshNode::close);
  }

  @BeforeEach
  void open() {
    first = WorkerRegistry.open(NODES.get(0));
    second = WorkerRegistry.open(NODES.get(1));
    third = WorkerRegistry.open(NODES.get(2));
  }

  @AfterEach
  void close() {
    List.of(first, second, third).forEach(WorkerRegistry::close);
  }

  @Test
  void shouldShowEveryNodeTheWorkersOfAllAndTheirLoad() {
    first.announce(Ads.draft("d"));
    Announcement verify = second.announce(Ads.verify("v"));
    for (WorkerRegistry registry : List.of(first, second, third)) {
      await("both are seen", () -> registry.live(Role.DRAFT).equals(List.of(Ads.draft("d")))
          && registry.live(Role.VERIFY).equals(List.of(Ads.verify("v"))));
    }
    verify.update(5, true);
    for (WorkerRegistry registry : List.of(first, second, third)) {
      await("the load is seen", () -> registry.live(Role.VERIFY).equals(List.of(Ads.verify("v").withLoad(5, true))));
    }
    try (MeshNode late = MeshNode.join(OPTIONS); WorkerRegistry registry = WorkerRegistry.open(late)) {
      assertThat(registry.live(Role.DRAFT)).extracting(WorkerAd::id).containsExactly("d");
    }
  }

  @Test
  void shouldTellOnceThatAWorkerClosed() {
    List<String> left = new CopyOnWriteArrayList<>();
    third.onLeave(left::add);
    Announcement draft = first.announce(Ads.draft("d"));
    await("d is seen", () -> third.live(Role.DRAFT).size() == 1);
    draft.close();
    await("d is gone", () -> third.live(Role.DRAFT).isEmpty() && left.equals(List.of("d")));
    draft.update(1, false);
    draft.close();
    second.announce(Ads.draft("e"));
    await("e is seen", () -> third.live(Role.DRAFT).size() == 1);
    assertThat(left).containsExactly("d");
  }

  @Test
  void shouldKeepAWorkerLongerThanItsLeaseWhileItsNodeLives() {
    first.announce(Ads.draft("d"));
    await("d is seen", () -> third.live(Role.DRAFT).size() == 1);
    long start = System.nanoTime();
    await("a lease and a half pass", () -> System.nanoTime() - start > OPTIONS.lease().duration().toNanos() * 3 / 2);
    assertThat(third.live(Role.DRAFT)).extracting(WorkerAd::id).containsExactly("d");
  }

  @Test
  void shouldDropTheWorkersOfANodeThatDiesAndFreeItsClaim() {
    List<String> left = new CopyOnWriteArrayList<>();
    first.onLeave(left::add);
    MeshNode doomed = MeshNode.join(OPTIONS);
    WorkerRegistry.open(doomed).announce(Ads.with(Ads.draft("doomed"), "other", 3, "cpu"));
    await("it is seen", () -> first.live(Role.DRAFT).size() == 1);
    long start = System.nanoTime();
    doomed.hazelcast().getLifecycleService().terminate();
    await("its worker is gone", () -> left.equals(List.of("doomed")) && first.live(Role.DRAFT).isEmpty());
    assertThat(System.nanoTime() - start).isLessThan(OPTIONS.lease().duration().toNanos());
    second.announce(Ads.draft("d"));
    await("another model is served", () -> first.live(Role.DRAFT).size() == 1);
    doomed.close();
  }

  @Test
  void shouldRefuseAWorkerOfAnotherModelOrSplitNamingBothValues() {
    Announcement served = first.announce(Ads.draft("d"));
    assertThatThrownBy(() -> second.announce(Ads.with(Ads.verify("v"), "f2", 2, "cpu")))
        .isInstanceOf(InputException.class).hasMessageStartingWith("fingerprint=f2: this mesh serves f1");
    assertThatThrownBy(() -> second.claim(new MeshIdentity("f1", 3)))
        .isInstanceOf(InputException.class).hasMessageStartingWith("exit_layer=3: this mesh serves 2");
    assertThat(second.live(Role.VERIFY)).isEmpty();
    Registration sameModel = second.claim(new MeshIdentity("f1", 2));
    served.close();
    assertThatThrownBy(() -> third.claim(new MeshIdentity("f1", 3))).isInstanceOf(InputException.class);
    sameModel.close();
    third.claim(new MeshIdentity("f1", 3)).close();
  }

  @Test
  void shouldLetOneOfTwoModelsWinThatClaimTheMeshAtOnce() throws Exception {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int round = 0; round < 10; round++) {
        CyclicBarrier start = new CyclicBarrier(2);
        List<Future<Registration>> claims = List.of(
            threads.submit(claimAt(start, first, new MeshIdentity("f1", 2))),
            threads.submit(claimAt(start, second, new MeshIdentity("f2", 2))));
        List<Registration> winners = new ArrayList<>();
        for (Future<Registration> claim : claims) {
          try {
            winners.add(claim.get());
          } catch (ExecutionException e) {
            assertThat(e).hasCauseInstanceOf(InputException.class);
          }
        }
        assertThat(winners).hasSize(1);
        winners.getFirst().close();
      }
    }
  }

  private static Callable<Registration> claimAt(CyclicBarrier start, WorkerRegistry registry, MeshIdentity identity) {
    return () -> {
      start.await();
      return registry.claim(identity);
    };
  }

  @Test
  void shouldNotDeserializeAStrangersJavaObject() {
    NODES.get(0).hazelcast().<String, Object>getMap("gadgets").set("key", new Gadget());
    assertThatThrownBy(() -> NODES.get(1).hazelcast().<String, Object>getMap("gadgets").get("key"))
        .hasStackTraceContaining("Resolving class " + Gadget.class.getName() + " is not allowed");
  }

  @Test
  void shouldStartAndClaimBesideEntriesThatCannotBeRead() {
    var node = NODES.get(0).hazelcast();
    Map<String, Object> unreadable = Map.of("number", 7, "gadget", new Gadget(), "text", "{", "list", "[]",
        "null", "{\"node\":null,\"value\":null}", "empty", new Leased(NODES.get(0).nodeId(), new JsonObject()).encode(),
        "parts", new Leased(NODES.get(0).nodeId(), new JsonObject().put("fingerprint", "f9").put("exit_layer", 9)
            .put("parts", new JsonObject().put("layer 0", 7))).encode());
    List<IMap<String, Object>> maps = List.of(node.getMap("layermesh.workers"), node.getMap("layermesh.claims"));
    try {
      maps.forEach(map -> unreadable.forEach(map::set));
      first.announce(Ads.draft("d"));
      try (MeshNode late = MeshNode.join(OPTIONS); WorkerRegistry registry = WorkerRegistry.open(late)) {
        assertThat(registry.live(Role.DRAFT)).extracting(WorkerAd::id).containsExactly("d");
        registry.announce(Ads.verify("v"));
        await("both are seen", () -> first.live(Role.VERIFY).size() == 1 && registry.live(Role.VERIFY).size() == 1);
        assertThatThrownBy(() -> registry.claim(new MeshIdentity("f1", 3))).isInstanceOf(InputException.class);
      }
    } finally {
      maps.forEach(map -> unreadable.keySet().forEach(map::delete));
    }
  }

  private record Gadget() implements Serializable {}
}
