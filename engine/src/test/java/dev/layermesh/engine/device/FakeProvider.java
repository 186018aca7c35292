package dev.layermesh.engine.device;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.BackendOptions;
import dev.layermesh.engine.backend.BackendProvider;
import dev.layermesh.engine.backend.Device;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Supplier;

/** Devices {@code fake:0} and {@code fake:1}; found only where {@link #install} or {@link #installed} put them. */
public final class FakeProvider implements BackendProvider {
  /** Bytes that keys and values may take. */
  public static final long MEMORY = 64L << 20;

  /** System property that names a file: once there is one, all devices of the process are lost. */
  public static final String LOSS = "layermesh.fake.loss";

  @Override
  public String name() {
    return "fake";
  }

  @Override
  public String deviceKind() {
    return "fake";
  }

  @Override
  public int preference() {
    return 1;
  }

  @Override
  public Optional<String> unavailableBecause() {
    return Optional.empty();
  }

  @Override
  public long memory(Device device) {
    return MEMORY;
  }

  @Override
  public Backend create(BackendOptions options) {
    if (options.device().index().orElseThrow() > 1) {
      throw InputException.of("device", options.device(), "there are fake:0 and fake:1");
    }
    return new FakeBackend(options);
  }

  /** Runs {@code body} on a thread that finds this provider as it finds an installed one. */
  public static <T> T installed(Path folder, Supplier<T> body) {
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    try (var loader = new URLClassLoader(new URL[] {install(folder)}, before)) {
      thread.setContextClassLoader(loader);
      return body.get();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      thread.setContextClassLoader(before);
    }
  }

  /**
   * Names this provider in a folder, which on a class path makes a JVM find it.
   *
   * @return the folder, as class paths have it
   */
  public static URL install(Path folder) throws IOException {
    Path services = Files.createDirectories(folder.resolve("META-INF/services"));
    Files.writeString(services.resolve(BackendProvider.class.getName()), FakeProvider.class.getName());
    return folder.toUri().toURL();
  }
}
