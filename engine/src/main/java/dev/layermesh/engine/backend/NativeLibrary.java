package dev.layermesh.engine.backend;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import java.util.Optional;

/**
 * The C kernels that the build compiled into the jar, for the instruction set that this processor has. Loaded at most
 * once in a JVM and never unloaded; thread-safe.
 *
 * @param isa the instruction set, as the names of the functions end
 * @param matmul see {@link Kernels#matmul}
 */
@SuppressWarnings("restricted") // calls native code
record NativeLibrary(String isa, MethodHandle matmul) {

  /** What loading came to: the library, or why there is none. */
  sealed interface Loaded {
    record Present(NativeLibrary library) implements Loaded {}

    record Absent(String because) implements Loaded {}
  }

  private static final class Once {
    static final Loaded LOADED = load();
  }

  static Loaded loaded() {
    return Once.LOADED;
  }

  private static Loaded load() {
    String system = System.getProperty("os.name").toLowerCase(Locale.ROOT) + "-" + System.getProperty("os.arch");
    String resource = "/native/" + system + "/liblayermesh.so";
    try (InputStream library = NativeLibrary.class.getResourceAsStream(resource)) {
      if (library == null) {
        return new Loaded.Absent("no C kernels for " + system
            + " in this build: build on such a machine with a C compiler (cc) on PATH");
      }
      Path file = Files.createTempFile("liblayermesh", ".so");
      try {
        Files.copy(library, file, StandardCopyOption.REPLACE_EXISTING);
        return link(SymbolLookup.libraryLookup(file, Arena.global()), system);
      } finally {
        Files.delete(file); // what is mapped stays
      }
    } catch (IOException | IllegalArgumentException e) {
      return new Loaded.Absent("the C kernels cannot be loaded: " + e);
    }
  }

  private static Loaded link(SymbolLookup symbols, String system) {
    Linker linker = Linker.nativeLinker();
    MethodHandle isa = linker.downcallHandle(
        symbols.findOrThrow("layermesh_isa"), FunctionDescriptor.of(JAVA_INT), Linker.Option.critical(false));
    Optional<String> name = switch (call(isa)) {
      case 1 -> Optional.of("avx2");
      case 2 -> Optional.of("avx512");
      default -> Optional.empty();
    };
    if (name.isEmpty()) {
      return new Loaded.Absent("this " + system + " processor has neither AVX2 nor AVX-512 with VNNI");
    }
    FunctionDescriptor matmul = FunctionDescriptor.ofVoid(JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT,
        JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS);
    return new Loaded.Present(new NativeLibrary(name.get(), linker.downcallHandle(
        symbols.findOrThrow("layermesh_matmul_" + name.get()), matmul, Linker.Option.critical(true))));
  }

  private static int call(MethodHandle function) {
    try {
      return (int) function.invokeExact();
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }
}
