package dev.layermesh.engine;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.backend.BackendOptions;
import dev.layermesh.engine.backend.Device;
import dev.layermesh.engine.kv.KvOptions;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;

/**
 * What a worker runs, and on what.
 *
 * @param model a checkpoint: a folder or a GGUF file
 * @param exitLayer E; the checkpoint's own when absent
 * @param device {@code cpu} or {@code cuda:N}; for both sides of a model in one process also two of them, as in
 *     {@code cuda:0,cuda:1}: the first drafts and the second verifies
 * @param backend {@code auto}, or a backend's name
 * @param threads compute threads, at least 1
 * @param kv memory for keys and values, and the exit states kept beside them, of all that is loaded together
 * @param pinCores whether each compute thread of a CPU backend has a core of its own
 */
public record EngineOptions(
    Path model, OptionalInt exitLayer, String device, String backend, int threads, KvOptions kv,
    boolean pinCores) {
  public EngineOptions {
    Objects.requireNonNull(model, "model");
    Objects.requireNonNull(exitLayer, "exitLayer");
    Objects.requireNonNull(device, "device");
    Objects.requireNonNull(backend, "backend");
    Objects.requireNonNull(kv, "kv");
    if (threads < 1) {
      throw InputException.of("--threads", threads, "must be 1 or more");
    }
  }

  /** A checkpoint with every default: its own exit layer, the best CPU backend, all cores. */
  public static EngineOptions of(Path model) {
    return new EngineOptions(
        model,
        OptionalInt.empty(),
        "cpu",
        "auto",
        Runtime.getRuntime().availableProcessors(),
        KvOptions.ofHeap(),
        false);
  }

  /**
   * The devices, one or two.
   *
   * @throws InputException when {@link #device} names something else
   */
  public List<Device> devices() {
    return devices(device);
  }

  /** The devices that a {@code --device} names; see {@link #devices()}. */
  public static List<Device> devices(String device) {
    List<Device> devices = Arrays.stream(device.split(",", -1)).map(Device::parse).toList();
    if (devices.size() > 2) {
      throw InputException.of("device", device, "must be one device, or two: one that drafts and one that verifies");
    }
    return devices;
  }

  /** The same on one device. */
  public EngineOptions onDevice(Device one) {
    return withDevice(one.toString());
  }

  /** The same on another device, or on two. */
  public EngineOptions withDevice(String other) {
    return new EngineOptions(model, exitLayer, other, backend, threads, kv, pinCores);
  }

  /** Options of a backend whose layers have {@code kvOfALayer} each. */
  public BackendOptions backendOptions(KvOptions kvOfALayer) {
    return new BackendOptions(Device.parse(device), threads, kvOfALayer, pinCores);
  }

  /** The same with another exit layer. */
  public EngineOptions withExitLayer(int other) {
    return new EngineOptions(model, OptionalInt.of(other), device, backend, threads, kv, pinCores);
  }

  /** The same with another backend. */
  public EngineOptions withBackend(String other) {
    return new EngineOptions(model, exitLayer, device, other, threads, kv, pinCores);
  }

  /** The same with other memory for keys and values. */
  public EngineOptions withKv(KvOptions other) {
    return new EngineOptions(model, exitLayer, device, backend, threads, other, pinCores);
  }
}
