package dev.layermesh.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.layermesh.cli.complete.CheckpointFiles;
import dev.layermesh.cli.options.ModelMixin;
import dev.layermesh.cli.process.Environment;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.checkpoint.Inspection;
import dev.layermesh.engine.model.ModelConfig;
import dev.layermesh.engine.model.RopeScaling;
import dev.layermesh.tokenizer.GenerationDefaults;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.Collections;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Says what a checkpoint is, without running it. */
@Command(
    name = "inspect",
    description = "Say what a checkpoint holds and what a split at layer E gives each side.",
    footer = {"", "Example:", "  layermesh inspect --exit-layer 4"})
final class InspectCommand implements Callable<Integer> {

  @Mixin
  private final ModelMixin model;

  @Option(names = "--json", description = "Print one object instead of a table.")
  private boolean json;

  @Spec
  private CommandSpec spec;

  InspectCommand(Environment environment) {
    this.model = new ModelMixin(environment);
  }

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    try (Checkpoint checkpoint = Checkpoint.open(model.path())) {
      Inspection inspection = Inspection.of(checkpoint, model.exitLayer(checkpoint.config()));
      var usual = new Usual(
          checkpoint.config().usualWindow(model.exitLayer()), GenerationDefaults.of(CheckpointFiles.of(checkpoint)));
      out.print(json
          ? json(checkpoint.name(), inspection, usual) + "\n"
          : table(checkpoint.name(), inspection, usual));
      out.flush();
    }
    return 0;
  }

  /**
   * The defaults of requests.
   *
   * @param window draft tokens
   * @param sampling what the checkpoint recommends
   */
  private record Usual(WindowPolicy window, GenerationDefaults sampling) {}

  private static String table(String name, Inspection it, Usual usual) {
    ModelConfig config = it.config();
    int layers = config.numLayers();
    int exit = it.exitLayer();
    var lines = new StringBuilder();
    line(lines, "model", name);
    line(lines, "fingerprint", it.fingerprint().id());
    line(lines, "parameters", String.format(Locale.ROOT, "%,d", it.parameters()));
    line(lines, "weights", size(it.totalBytes()) + " (" + it.bytesByDType().entrySet().stream()
        .map(each -> each.getKey() + " " + size(each.getValue())).collect(Collectors.joining(", ")) + ")");
    line(lines, "layers", layers + " of " + layerSizes(it));
    line(lines, "hidden size", config.hiddenSize() + ", intermediate " + config.intermediateSize());
    line(lines, "attention", config.numHeads() + " heads, " + config.numKvHeads() + " key/value heads of "
        + config.headDim());
    line(lines, "vocabulary", config.vocabSize() + " tokens, " + (config.tiedHead() ? "head tied to" : "head beside")
        + " the embedding, " + size(it.embeddingBytes()));
    line(lines, "context", config.maxPositions() + " tokens");
    line(lines, "end of text", config.eosIds().isEmpty() ? "none" : "ids " + config.eosIds());
    line(lines, "rope", "theta " + config.rope().theta() + scaling(config.rope().scaling()));
    line(lines, "chat template", it.chatTemplate() ? "yes" : "no");
    line(lines, "sampling", usual.sampling().describe().map(values -> values + ", the checkpoint's own")
        .orElse("as asked, the checkpoint recommends nothing"));
    line(lines, "exit layer", exit + (config.exitLayer().equals(OptionalInt.of(exit)) ? ", the checkpoint's own" : ""));
    line(lines, "window", usual.window().draftTokens()
        + (usual.window().equals(WindowPolicy.AUTOREGRESSIVE) ? ", no exit layer is named" : " draft tokens"));
    line(lines, "draft side", "layers 0.." + (exit - 1) + ", embedding and head: " + size(it.draftBytes()));
    line(lines, "verify side", "layers " + exit + ".." + (layers - 1) + " and head: " + size(it.verifyBytes()));
    return lines.toString();
  }

  private static void line(StringBuilder lines, String name, String value) {
    lines.append("%-14s %s%n".formatted(name, value));
  }

  private static String scaling(RopeScaling scaling) {
    return switch (scaling) {
      case RopeScaling.Default unscaled -> "";
      case RopeScaling.Linear linear -> ", linear by " + linear.factor();
      case RopeScaling.Llama3 llama3 -> ", llama3 by " + llama3.factor();
      case RopeScaling.Factors each -> ", " + each.factors().size() + " factors up to "
          + Collections.max(each.factors());
    };
  }

  private static String layerSizes(Inspection it) {
    long least = it.layerBytes().stream().mapToLong(Long::longValue).min().orElseThrow();
    long most = it.layerBytes().stream().mapToLong(Long::longValue).max().orElseThrow();
    return least == most ? size(least) : size(least) + " to " + size(most);
  }

  /** Bytes in units of 1024. */
  static String size(long bytes) {
    String[] units = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = bytes;
    int unit = 0;
    while (value >= 1024 && unit < units.length - 1) {
      value /= 1024;
      unit++;
    }
    return unit == 0 ? bytes + " B" : String.format(Locale.ROOT, "%.1f %s", value, units[unit]);
  }

  private static ObjectNode json(String name, Inspection it, Usual usual) {
    ModelConfig config = it.config();
    ObjectNode json = JsonNodeFactory.instance.objectNode()
        .put("model", name)
        .put("fingerprint", it.fingerprint().id())
        .put("parameters", it.parameters())
        .put("total_bytes", it.totalBytes());
    ObjectNode sizes = json.putObject("config")
        .put("hidden_size", config.hiddenSize())
        .put("intermediate_size", config.intermediateSize())
        .put("num_hidden_layers", config.numLayers())
        .put("num_attention_heads", config.numHeads())
        .put("num_key_value_heads", config.numKvHeads())
        .put("head_dim", config.headDim())
        .put("vocab_size", config.vocabSize())
        .put("max_position_embeddings", config.maxPositions())
        .put("rope_theta", config.rope().theta())
        .put("tie_word_embeddings", config.tiedHead());
    config.bosId().ifPresent(id -> sizes.put("bos_token_id", id));
    var eosIds = sizes.putArray("eos_token_ids");
    Arrays.stream(config.eosIds().toArray()).forEach(eosIds::add);
    ObjectNode dtypes = json.putObject("bytes_by_dtype");
    it.bytesByDType().forEach((type, bytes) -> dtypes.put(type.name(), bytes));
    json.put("embedding_bytes", it.embeddingBytes()).put("head_bytes", it.headBytes());
    var layers = json.putArray("layer_bytes");
    it.layerBytes().forEach(layers::add);
    json.putObject("split")
        .put("exit_layer", it.exitLayer())
        .put("draft_bytes", it.draftBytes())
        .put("verify_bytes", it.verifyBytes());
    json.put("window", usual.window().draftTokens());
    ObjectNode sampling = json.putObject("generation_config");
    usual.sampling().temperature().ifPresent(value -> sampling.put("temperature", value));
    usual.sampling().topK().ifPresent(value -> sampling.put("top_k", value));
    usual.sampling().topP().ifPresent(value -> sampling.put("top_p", value));
    return json.put("chat_template", it.chatTemplate());
  }
}
