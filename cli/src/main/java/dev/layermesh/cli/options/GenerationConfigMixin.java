package dev.layermesh.cli.options;

import dev.layermesh.tokenizer.GenerationDefaults;
import java.util.Locale;
import java.util.function.Supplier;
import picocli.CommandLine.Option;

/** Whether the sampling values that a checkpoint recommends apply where nothing else is said. */
public final class GenerationConfigMixin {

  /** The source of sampling values that no option names, by its name on the command line. */
  enum Source {
    MODEL,
    NONE;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  @Option(names = "--generation-config", paramLabel = "SOURCE", defaultValue = "model",
      description = "model or none: whether temperature, top_k and top_p of the checkpoint's generation_config.json "
          + "apply where they are not asked for (default: ${DEFAULT-VALUE}).")
  private Source source;

  /** Whether what the model recommends applies. */
  boolean ofModel() {
    return source == Source.MODEL;
  }

  /** The option as an argument for another process. */
  String argument() {
    return "--generation-config=" + source;
  }

  /** What the model recommends, or nothing where that is to be ignored: then it is not read either. */
  public GenerationDefaults of(Supplier<GenerationDefaults> model) {
    return switch (source) {
      case MODEL -> model.get();
      case NONE -> GenerationDefaults.NONE;
    };
  }
}
