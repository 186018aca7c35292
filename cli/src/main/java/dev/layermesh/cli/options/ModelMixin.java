package dev.layermesh.cli.options;

import dev.layermesh.cli.process.Environment;
import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.model.ModelConfig;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import picocli.CommandLine.Option;

/** Which model, and where it is split. */
public final class ModelMixin {
  private static final String BUNDLED = "models/layerskip-shakespeare";

  private final Environment environment;

  @Option(names = "--model", paramLabel = "DIR|FILE.gguf",
      description = "Checkpoint: a Hugging Face folder or a GGUF file (default: the bundled model, " + BUNDLED + ").")
  private String model;

  @Option(names = "--exit-layer", paramLabel = "E",
      description = "Draft with layers 0..E-1, verify with the rest "
          + "(default: the checkpoint's own, else a quarter).")
  private Integer exitLayer;

  public ModelMixin(Environment environment) {
    this.environment = environment;
  }

  /** The checkpoint. */
  public Path path() {
    return given().orElseGet(() -> environment.home()
        .map(home -> home.resolve(BUNDLED))
        .orElseThrow(() -> InputException.of(
            "--model", "", "must name a checkpoint: no model is bundled here")));
  }

  /** The checkpoint asked for, if one was. */
  Optional<Path> given() {
    return Optional.ofNullable(model).map(Path::of);
  }

  /** E, if one was asked for. */
  public OptionalInt exitLayer() {
    return exitLayer == null ? OptionalInt.empty() : OptionalInt.of(exitLayer);
  }

  /** E for a model. */
  public int exitLayer(ModelConfig config) {
    return config.chooseExitLayer(exitLayer());
  }
}
