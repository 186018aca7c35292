package dev.layermesh.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.engine.cpu.kernels.Kernels;
import dev.layermesh.engine.cpu.kernels.ScalarKernels;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class KernelThreadsTest {

  @Test
  void shouldRunEveryItemOnceInEveryRound() {
    try (KernelThreads threads = new KernelThreads(ScalarKernels::new, new CpuOptions(3, 64, 0))) {
      for (int round = 0; round < 20_000; round++) {
        int count = round % 67;
        int[] runs = new int[count]; // plain: the end of a round publishes what helpers wrote
        threads.split(count, 1, (_, from, to) -> {
          for (int i = from; i < to; i++) {
            runs[i]++;
          }
        });
        assertThat(Arrays.stream(runs).filter(times -> times == 1).count()).isEqualTo(count);
      }
    }
  }

  @Test
  void shouldShareItemsBetweenAllThreadsEachWithKernelsOfItsOwn() {
    try (KernelThreads threads = new KernelThreads(ScalarKernels::new, new CpuOptions(3, 64, 0))) {
      CountDownLatch allThere = new CountDownLatch(3);
      Set<Kernels> seen = ConcurrentHashMap.newKeySet();
      threads.split(300, 1, (kernels, _, _) -> {
        if (seen.add(kernels)) {
          allThere.countDown();
          awaitUninterrupted(allThere);
        }
      });
      assertThat(seen).hasSize(3).contains(threads.own());
    }
  }

  @Test
  void shouldLeaveSmallWorkToTheLane() {
    try (KernelThreads threads = new KernelThreads(ScalarKernels::new, new CpuOptions(3, 64, 1000))) {
      Thread lane = Thread.currentThread();
      threads.split(300, 999, (kernels, from, to) -> {
        assertThat(Thread.currentThread()).isSameAs(lane);
        assertThat(kernels).isSameAs(threads.own());
        assertThat(to - from).isEqualTo(300);
      });
    }
  }

  @Test
  void shouldReportAFailedKernelAndContinue() {
    try (KernelThreads threads = new KernelThreads(ScalarKernels::new, new CpuOptions(3, 64, 0))) {
      assertThatThrownBy(() -> threads.split(100, 1, (_, from, to) -> {
        if (from <= 70 && 70 < to) {
          throw new ArithmeticException("item 70");
        }
      })).isInstanceOf(IllegalStateException.class).hasRootCauseMessage("item 70");
      AtomicInteger runs = new AtomicInteger();
      threads.split(100, 1, (_, from, to) -> runs.addAndGet(to - from));
      assertThat(runs.get()).isEqualTo(100);
    }
  }

  private static void awaitUninterrupted(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
