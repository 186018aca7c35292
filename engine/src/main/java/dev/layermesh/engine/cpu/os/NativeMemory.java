package dev.layermesh.engine.cpu.os;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Memory for weights. On Linux it is asked for in huge pages ({@code mmap(2)}, {@code madvise(2)} with {@code
 * MADV_HUGEPAGE}): reading it is a quarter faster for fewer misses of the address cache. Elsewhere, and where the
 * kernel has no huge pages left, pages have the usual size.
 */
@SuppressWarnings("restricted") // calls the C library
public final class NativeMemory {
  private static final long HUGE_PAGE = 2L << 20;
  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_PRIVATE_ANONYMOUS = 0x22;
  private static final int MADV_DONTNEED = 4;
  private static final int MADV_HUGEPAGE = 14;
  private static final long MAP_FAILED = -1;
  private static final MethodHandle MMAP = LibC.function("mmap", FunctionDescriptor.of(
      JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
  private static final MethodHandle MUNMAP =
      LibC.function("munmap", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle MADVISE =
      LibC.function("madvise", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));

  private NativeMemory() {}

  /** Zeroed memory that lives as long as {@code arena}, aligned to at least 64 bytes. */
  public static MemorySegment allocate(long bytes, Arena arena) {
    if (!LibC.LINUX || bytes < HUGE_PAGE) {
      return arena.allocate(bytes, 64);
    }
    long mapped = Math.ceilDiv(bytes, HUGE_PAGE) * HUGE_PAGE + HUGE_PAGE; // room to begin at a huge page
    try {
      long address = (long) MMAP.invokeExact(0L, mapped, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0L);
      if (address == MAP_FAILED) {
        throw new OutOfMemoryError("no " + bytes + " bytes of memory for weights");
      }
      long begin = Math.ceilDiv(address, HUGE_PAGE) * HUGE_PAGE;
      MemorySegment memory = MemorySegment.ofAddress(begin).reinterpret(bytes, arena, _ -> unmap(address, mapped));
      int unheeded = (int) MADVISE.invokeExact(memory, bytes, MADV_HUGEPAGE);
      return memory;
    } catch (Error | RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("mmap", e);
    }
  }

  /** Drops the pages of a mapped file from memory; the next access reads them again. */
  public static void release(MemorySegment mappedFile) {
    if (!LibC.LINUX || !mappedFile.isMapped()) {
      return;
    }
    long page = 4096;
    long skip = Math.floorMod(-mappedFile.address(), page);
    long bytes = mappedFile.byteSize() - skip;
    if (bytes < page) {
      return;
    }
    try {
      int unheeded = (int) MADVISE.invokeExact(mappedFile.asSlice(skip), bytes / page * page, MADV_DONTNEED);
    } catch (Throwable e) {
      throw new IllegalStateException("madvise", e);
    }
  }

  private static void unmap(long address, long bytes) {
    try {
      int unheeded = (int) MUNMAP.invokeExact(address, bytes);
    } catch (Throwable e) {
      throw new IllegalStateException("munmap", e);
    }
  }
}
