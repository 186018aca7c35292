package dev.layermesh.engine.cpu.os;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.layermesh.decoding.InputException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.BitSet;

/** A set of cores that a thread may run on: the mask of {@code sched_setaffinity(2)}, Linux alone. Immutable. */
public final class Cores {
  private static final String OPTION = "--pin-cores";
  private static final int BYTES = 1024; // of a mask: 8192 cores, as many as Linux can be built for
  private static final int THIS_THREAD = 0;
  private static final FunctionDescriptor DESCRIPTOR = FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS);
  private static final MethodHandle GET = LibC.function("sched_getaffinity", DESCRIPTOR);
  private static final MethodHandle SET = LibC.function("sched_setaffinity", DESCRIPTOR);

  private final MemorySegment mask;

  private Cores(MemorySegment mask) {
    this.mask = mask;
  }

  /**
   * The cores that the calling thread may run on, at least as many as {@code threads}.
   *
   * @throws InputException when there are fewer, or this is not Linux
   */
  public static Cores allowed(int threads) {
    if (!LibC.LINUX) {
      throw InputException.of(OPTION, "on", "is not available here: it needs Linux");
    }
    Cores allowed = allowed();
    int count = allowed.numbers().cardinality();
    if (threads > count) {
      throw InputException.of(OPTION, "on", threads + " threads (--threads) would each need one of the " + count
          + " cores that this process may use");
    }
    return allowed;
  }

  /** The cores that the calling thread may run on. */
  public static Cores allowed() {
    MemorySegment mask = Arena.ofAuto().allocate(BYTES);
    call(GET, mask);
    return new Cores(mask);
  }

  /** The {@code index}th of these, counted from 0, alone. */
  public Cores only(int index) {
    int number = numbers().stream().skip(index).findFirst().orElseThrow();
    MemorySegment alone = Arena.ofAuto().allocate(BYTES);
    alone.set(JAVA_BYTE, number / Byte.SIZE, (byte) (1 << number % Byte.SIZE));
    return new Cores(alone);
  }

  /** Their numbers. */
  public BitSet numbers() {
    return BitSet.valueOf(mask.toArray(JAVA_BYTE));
  }

  /** Binds the calling thread, and all threads that it starts from now on, to these cores. */
  public void keep() {
    call(SET, mask);
  }

  private static void call(MethodHandle function, MemorySegment mask) {
    int result;
    try {
      result = (int) function.invokeExact(THIS_THREAD, (long) BYTES, mask);
    } catch (Throwable e) {
      throw new IllegalStateException("sched_getaffinity or sched_setaffinity", e);
    }
    if (result < 0) {
      throw new IllegalStateException("the system refuses the mask of a thread's cores");
    }
  }
}
