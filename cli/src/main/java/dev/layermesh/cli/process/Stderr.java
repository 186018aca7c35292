package dev.layermesh.cli.process;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** Descriptor 2 of this process, which the launcher filters while the JVM starts. */
public final class Stderr {
  private static final int STDERR = 2;
  private static final int REAL_STDERR = 3; // where the launcher keeps it

  private Stderr() {}

  /** Makes descriptor 2 the real one again and ends the filter (POSIX dup2, close). */
  @SuppressWarnings("restricted") // native access is granted in bin/java.options
  public static void restore() {
    Linker linker = Linker.nativeLinker();
    try {
      MethodHandle dup2 = linker.downcallHandle(
          symbol(linker, "dup2"),
          FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
      MethodHandle close = linker.downcallHandle(
          symbol(linker, "close"), FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
      if ((int) dup2.invokeExact(REAL_STDERR, STDERR) == STDERR) {
        int _ = (int) close.invokeExact(REAL_STDERR);
      }
    } catch (Throwable failed) {
      throw new IllegalStateException("descriptor " + REAL_STDERR + " cannot become stderr: " + failed, failed);
    }
  }

  private static MemorySegment symbol(Linker linker, String name) {
    return linker.defaultLookup().findOrThrow(name);
  }
}
