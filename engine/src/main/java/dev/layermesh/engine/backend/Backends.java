package dev.layermesh.engine.backend;

import dev.layermesh.decoding.InputException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** Chooses a backend by name. It never replaces a backend that was named by another one. */
public final class Backends {
  private static final String AUTO = "auto";

  private Backends() {}

  /**
   * Opens a backend with the providers that this JVM finds. {@code auto} takes the fastest available one, and
   * logs each faster one that it passed over, with the remedy.
   *
   * @param device {@code cpu} or {@code cuda:N}
   * @param backend {@code auto} or the name of a provider
   * @param threads of a CPU backend, at least 1
   * @throws InputException when device or backend does not exist or is not available here
   */
  public static Backend open(String device, String backend, int threads) {
    return open(new BackendOptions(Device.parse(device), threads), backend);
  }

  /** The same with every option. */
  public static Backend open(BackendOptions options, String backend) {
    Logger log = System.getLogger(Backends.class.getName());
    return open(installed(), options, backend, line -> log.log(Level.WARNING, line));
  }

  /**
   * Bytes that keys and values may take on a device; see {@link BackendProvider#memory}.
   *
   * @param backend {@code auto} or the name of a provider
   * @throws InputException when device or backend does not exist or is not available here
   */
  public static long memory(Device device, String backend) {
    return choose(installed(), device, backend, _ -> {}).memory(device);
  }

  private static List<BackendProvider> installed() {
    return ServiceLoader.load(BackendProvider.class).stream().map(ServiceLoader.Provider::get).toList();
  }

  static Backend open(
      List<BackendProvider> providers, BackendOptions options, String backend, Consumer<String> passedOver) {
    return choose(providers, options.device(), backend, passedOver).create(options);
  }

  private static BackendProvider choose(
      List<BackendProvider> providers, Device device, String backend, Consumer<String> passedOver) {
    List<BackendProvider> fitting = providers.stream()
        .filter(provider -> provider.deviceKind().equals(device.kind()))
        .sorted(Comparator.comparingInt(BackendProvider::preference).reversed())
        .toList();
    if (fitting.isEmpty()) {
      throw InputException.of("device", device, "no backend for " + device.kind() + " is installed, there is "
          + providers.stream().map(BackendProvider::deviceKind).distinct().sorted().collect(Collectors.joining(", ")));
    }
    return backend.equals(AUTO) ? best(fitting, device, passedOver) : named(fitting, device, backend);
  }

  private static BackendProvider named(List<BackendProvider> fitting, Device device, String name) {
    BackendProvider provider = fitting.stream().filter(each -> each.name().equals(name)).findFirst().orElseThrow(
        () -> InputException.of("backend", name, "for device " + device + " there is " + AUTO + ", "
            + fitting.stream().map(BackendProvider::name).collect(Collectors.joining(", "))));
    provider.unavailableBecause().ifPresent(reason -> {
      throw InputException.of("backend", name, reason);
    });
    return provider;
  }

  private static BackendProvider best(List<BackendProvider> fitting, Device device, Consumer<String> passedOver) {
    BackendProvider best = fitting.stream().filter(each -> each.unavailableBecause().isEmpty()).findFirst().orElseThrow(
        () -> InputException.of("device", device, fitting.getFirst().unavailableBecause().orElseThrow()));
    fitting.stream().takeWhile(each -> each != best).forEach(each -> passedOver.accept("backend " + best.name()
        + " instead of the faster " + each.name() + ": " + each.unavailableBecause().orElseThrow()));
    return best;
  }
}
