package dev.layermesh.engine.cpu.os;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;

/** Functions of the C library that only Linux has. Thread-safe. */
@SuppressWarnings("restricted") // calls the C library
final class LibC {
  /** Whether they are here. */
  static final boolean LINUX = System.getProperty("os.name").equals("Linux");

  private LibC() {}

  /** A function for a constant; null where it is not {@link #LINUX}, and must not be called. */
  static MethodHandle function(String name, FunctionDescriptor descriptor) {
    Linker linker = Linker.nativeLinker();
    return LINUX ? linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor) : null;
  }
}
