package dev.layermesh.cli.options;

import dev.layermesh.cli.process.Environment;
import dev.layermesh.cli.process.Progress;
import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.backend.Backends;
import dev.layermesh.engine.backend.Device;
import dev.layermesh.engine.convert.QuantizedModels;
import dev.layermesh.engine.kv.KvOptions;
import dev.layermesh.engine.kv.KvType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What to run, and on what. */
public final class EngineMixin {
  private final Environment environment;

  @Mixin
  private final ModelMixin model;

  @Option(names = "--quantize", paramLabel = "FORMAT",
      description = "q8_0 or q4_0: run a quantized copy of a folder's model, made once and kept in the cache "
          + "(default: as the checkpoint is).")
  private String quantize;

  @Option(names = "--device", paramLabel = "DEVICE",
      description = "cpu or cuda:N; where a process drafts and verifies, A,B puts the draft side on A and the verify "
          + "side on B (default: cpu).")
  private String device;

  @Option(names = "--backend", paramLabel = "NAME", description = "scalar, vector, native or auto (default: auto).")
  private String backend;

  @Option(names = "--threads", paramLabel = "N", description = "Compute threads (default: all cores).")
  private Integer threads;

  @Option(names = "--pin-cores", paramLabel = "on|off",
      description = "Whether each compute thread has a core of its own, of those that the process may use; Linux "
          + "(default: off).")
  private String pinCores;

  @Option(names = "--kv-memory", paramLabel = "SIZE",
      description = "Memory for a worker's keys and values, as in 512m or 2g; sessions wait where it is short "
          + "(default: a quarter of the Java heap, or of the device's memory).")
  private String kvMemory;

  @Option(names = "--kv-type", paramLabel = "TYPE",
      description = "f32 or q8_0: the type of keys and values; q8_0 holds 3.5 times as many positions; all workers "
          + "of a mesh must use the same (default: f32).")
  private String kvType;

  @Option(names = "--prefix-cache", paramLabel = "on|off",
      description = "Whether a session uses keys and values of sessions with the same prefix (default: on).")
  private String prefixCache;

  private Optional<Path> quantized = Optional.empty(); // the copy, once it is known

  public EngineMixin(Environment environment) {
    this.environment = environment;
    this.model = new ModelMixin(environment);
  }

  /** The options, with defaults for what was not given. */
  public EngineOptions options() {
    EngineOptions defaults = EngineOptions.of(quantize == null ? model.path() : quantized());
    String devices = Optional.ofNullable(device).orElse(defaults.device());
    String kernels = Optional.ofNullable(backend).orElse(defaults.backend());
    return new EngineOptions(
        defaults.model(),
        model.exitLayer(),
        devices,
        kernels,
        Optional.ofNullable(threads).orElse(defaults.threads()),
        kv(EngineOptions.devices(devices), kernels),
        isOn("--pin-cores", pinCores, defaults.pinCores()));
  }

  private KvOptions kv(List<Device> devices, String kernels) {
    Device smallest = devices.stream()
        .min(Comparator.comparingLong(each -> Backends.memory(each, kernels)))
        .orElseThrow();
    long memory = Backends.memory(smallest, kernels);
    KvOptions defaults = KvOptions.ofMemory(memory);
    KvOptions typed = kvType == null ? defaults : defaults.withType(KvType.parse(kvType));
    KvOptions sized = kvMemory == null ? typed : typed.withBytes(bytesOf(smallest, memory));
    return isOn("--prefix-cache", prefixCache, sized.sharesPrefixes()) ? sized : sized.unshared();
  }

  private static boolean isOn(String option, String given, boolean otherwise) {
    return switch (given) {
      case null -> otherwise;
      case "on" -> true;
      case "off" -> false;
      default -> throw InputException.of(option, given, "must be on or off");
    };
  }

  private long bytesOf(Device device, long memory) {
    long bytes = MemorySize.parse("--kv-memory", kvMemory);
    if (bytes > memory) {
      throw InputException.of("--kv-memory", kvMemory, device.equals(Device.CPU)
          ? "lies in the Java heap, which may grow to " + (memory >> 20) + "m: set JAVA_TOOL_OPTIONS=-Xmx… as well"
          : "lies in the memory of " + device + ", which has " + (memory >> 20) + "m for it");
    }
    return bytes;
  }

  private Path quantized() {
    if (quantized.isEmpty()) {
      try (var progress = Progress.ofBytes(environment, "Quantizing")) {
        quantized = Optional.of(QuantizedModels.of(
            model.path(), Formats.quantization(quantize), environment.cache(), progress));
      }
    }
    return quantized.get();
  }

  /** The options that were given, as arguments for another process. */
  public List<String> arguments() {
    var arguments = new ArrayList<String>();
    model.given().ifPresent(folder -> arguments.add("--model=" + folder.toAbsolutePath()));
    model.exitLayer().ifPresent(exitLayer -> arguments.add("--exit-layer=" + exitLayer));
    add(arguments, "--quantize", quantize);
    add(arguments, "--device", device);
    add(arguments, "--backend", backend);
    add(arguments, "--threads", threads);
    add(arguments, "--pin-cores", pinCores);
    add(arguments, "--kv-memory", kvMemory);
    add(arguments, "--kv-type", kvType);
    add(arguments, "--prefix-cache", prefixCache);
    return arguments;
  }

  private static void add(List<String> arguments, String option, Object value) {
    if (value != null) {
      arguments.add(option + "=" + value);
    }
  }

  /** Refuses engine options where another process has the model. */
  void requireNoneBeside(String option) {
    for (String argument : arguments()) {
      throw InputException.in(argument, "belongs to the workers: must not be given together with " + option);
    }
  }
}
