package dev.layermesh.engine.cpu.kernels;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The C kernels that the build compiled into the jar, for the best instruction set that this processor has. Loaded at
 * most once in a JVM and never unloaded; thread-safe. The system property {@code layermesh.isa} chooses a lesser
 * instruction set.
 */
@SuppressWarnings("restricted") // calls native code
public final class NativeLibrary {
  private static final List<String> INSTRUCTION_SETS = List.of("avx2", "avx512"); // in the order of layermesh_isa

  /** The result of loading: the library, or why there is none. */
  sealed interface Loaded {

    /** The functions, and how the names of those for the instruction set end. */
    record Present(SymbolLookup symbols, String isa) implements Loaded {}

    record Absent(String because) implements Loaded {}
  }

  private static final class Once {
    static final Loaded LOADED = load();
  }

  private NativeLibrary() {}

  /** Why there are no C kernels in this JVM, in one line; empty when there are. */
  public static Optional<String> unavailableBecause() {
    return loaded() instanceof Loaded.Absent(String because) ? Optional.of(because) : Optional.empty();
  }

  static Loaded loaded() {
    return Once.LOADED;
  }

  /**
   * A function of the library that takes numbers and arrays in the Java heap, and returns nothing.
   *
   * @throws IllegalStateException when there is no library
   */
  static MethodHandle function(String name, MemoryLayout... parameters) {
    return switch (loaded()) {
      case Loaded.Present(SymbolLookup symbols, String isa) -> Linker.nativeLinker().downcallHandle(
          symbols.findOrThrow("layermesh_" + name + "_" + isa),
          FunctionDescriptor.ofVoid(parameters),
          Linker.Option.critical(true));
      case Loaded.Absent(String because) -> throw new IllegalStateException(because);
    };
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
        return choose(SymbolLookup.libraryLookup(file, Arena.global()));
      } finally {
        Files.delete(file); // what is mapped stays
      }
    } catch (IOException | IllegalArgumentException e) {
      return new Loaded.Absent("the C kernels cannot be loaded: " + e);
    }
  }

  private static Loaded choose(SymbolLookup symbols) {
    MethodHandle isa = Linker.nativeLinker().downcallHandle(
        symbols.findOrThrow("layermesh_isa"), FunctionDescriptor.of(JAVA_INT));
    int best;
    try {
      best = (int) isa.invokeExact();
    } catch (Throwable e) {
      throw new IllegalStateException("layermesh_isa", e);
    }
    List<String> usable = INSTRUCTION_SETS.subList(0, best);
    Optional<String> asked = Optional.ofNullable(System.getProperty("layermesh.isa"));
    if (usable.isEmpty() || asked.isPresent() && !usable.contains(asked.get())) {
      return new Loaded.Absent("this processor has not what the C kernels need: "
          + asked.orElse("AVX2, or AVX-512 with VNNI"));
    }
    return new Loaded.Present(symbols, asked.orElse(usable.getLast()));
  }
}
