package dev.layermesh.cli;

import dev.layermesh.cli.options.Formats;
import dev.layermesh.cli.options.ModelMixin;
import dev.layermesh.cli.process.Environment;
import dev.layermesh.cli.process.Progress;
import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.checkpoint.Slice;
import dev.layermesh.engine.convert.GgufConverter;
import dev.layermesh.engine.convert.Quantization;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Makes one GGUF file of a checkpoint folder. */
@Command(
    name = "convert",
    description = "Write a folder's model, vocabulary, chat template and exit layer as one GGUF file.",
    footer = {"", "Example:", "  layermesh convert --to shakespeare-q8_0.gguf --quantize q8_0"})
final class ConvertCommand implements Callable<Integer> {
  private final Environment environment;

  @Mixin
  private final ModelMixin model;

  @Option(names = "--to", required = true, paramLabel = "FILE.gguf",
      description = "The file to write, which must not exist yet.")
  private Path to;

  @Option(names = "--quantize", paramLabel = "FORMAT",
      description = "q8_0 or q4_0; rows that are no multiple of 32 become F16 (default: as the checkpoint is).")
  private String quantize;

  @Spec
  private CommandSpec spec;

  ConvertCommand(Environment environment) {
    this.environment = environment;
    this.model = new ModelMixin(environment);
  }

  @Override
  public Integer call() {
    Optional<Quantization> quantization = Optional.ofNullable(quantize).map(Formats::quantization);
    if (Files.exists(to)) {
      throw InputException.of("--to", to, "must not exist yet");
    }
    try (Checkpoint checkpoint = Checkpoint.open(model.path());
        var progress = Progress.ofBytes(environment, "Converting")) {
      GgufConverter.convert(checkpoint, quantization, to, progress);
    }
    try (Checkpoint written = Checkpoint.open(to)) {
      long bytes = written.weights(Slice.whole(written.config().numLayers())).bytes();
      spec.commandLine().getOut().println(to + ": " + InspectCommand.size(bytes) + " of weights");
    }
    return 0;
  }
}
