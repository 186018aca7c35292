package dev.layermesh.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.Tensor;
import dev.layermesh.engine.backend.TestModel;
import dev.layermesh.engine.backend.TestModel.Running;
import dev.layermesh.engine.checkpoint.DType;
import dev.layermesh.engine.cpu.kernels.Kernels;
import dev.layermesh.engine.cpu.kernels.ScalarKernels;
import dev.layermesh.engine.cpu.os.Cores;
import dev.layermesh.engine.kv.KvOptions;
import java.lang.reflect.Proxy;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Pinned threads have cores of their own, as the operating system reports. */
@EnabledOnOs(OS.LINUX)
@Timeout(60)
class PinnedCoresTest {
  private static final TestModel MODEL = TestModel.awkward(DType.F32);

  private final BitSet process = Cores.allowed().numbers();
  private final Map<Thread, Set<BitSet>> seen = new ConcurrentHashMap<>(); // their cores while they compute

  private static CpuOptions pinned(int threads) {
    return new CpuOptions(threads, 64, 0, KvOptions.ofHeap(), true);
  }

  private int threads() {
    return Math.min(3, process.cardinality());
  }

  private boolean see() {
    return seen.computeIfAbsent(Thread.currentThread(), _ -> ConcurrentHashMap.newKeySet())
        .add(Cores.allowed().numbers());
  }

  private void requireACoreEach() {
    assertThat(seen).containsKey(Thread.currentThread());
    assertThat(seen.values()).doesNotHaveDuplicates().allSatisfy(masks -> assertThat(masks).singleElement()
        .satisfies(cores -> assertThat(cores.cardinality()).isEqualTo(1))
        .satisfies(cores -> assertThat(cores.intersects(process)).isTrue()));
  }

  @Test
  void shouldKeepEachThreadToACoreOfItsOwn() {
    try (KernelThreads threads = new KernelThreads(ScalarKernels::new, pinned(threads()))) {
      CountDownLatch allThere = new CountDownLatch(threads());
      threads.begin();
      threads.split(300, 1, (_, _, _) -> {
        if (see()) {
          allThere.countDown();
          awaitUninterrupted(allThere);
        }
      });
      threads.end();
    }
    assertThat(seen).hasSize(threads());
    requireACoreEach();
  }

  @Test
  void shouldKeepTheLaneToItsCoreWhileItComputesLayersAndHeadAndOnlyThen() {
    try (Backend backend = new CpuBackend(this::watched, Matrices.STORED, pinned(threads()))) {
      Running running = MODEL.on(backend);
      Tensor states = running.step(List.of(running.session(1, 5)), 5);
      assertThat(Cores.allowed().numbers()).as("between steps").isEqualTo(process);
      running.logits(states, 4);
      assertThat(Cores.allowed().numbers()).as("after the last step").isEqualTo(process);
    }
    requireACoreEach();
  }

  /** Kernels that record the cores that they may run on. */
  private Kernels watched() {
    var kernels = new ScalarKernels();
    return (Kernels) Proxy.newProxyInstance(
        Kernels.class.getClassLoader(), new Class<?>[] {Kernels.class}, (_, verb, arguments) -> {
          if (verb.getReturnType() == void.class) { // a computation, no question about the kernels
            see();
          }
          return verb.invoke(kernels, arguments);
        });
  }

  @Test
  void shouldRefuseMoreThreadsThanThereAreCores() {
    int cores = process.cardinality();
    assertThatThrownBy(() -> new KernelThreads(ScalarKernels::new, pinned(cores + 1)))
        .isInstanceOf(InputException.class)
        .hasMessage("--pin-cores=on: " + (cores + 1) + " threads (--threads) would each need one of the " + cores
            + " cores that this process may use");
  }

  private static void awaitUninterrupted(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
