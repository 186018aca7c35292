package dev.layermesh.testkit;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.layermesh.decoding.TokenIds;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The files tests read, found below the system property {@code layermesh.root}, the root of the repository. A fixture
 * that is missing throws; it never skips a test.
 */
public final class Fixtures {

  /**
   * What the reference implementation says about one model.
   *
   * @param folder the checkpoint
   * @param cases one for each prompt
   */
  public record Golden(Path folder, List<GoldenCase> cases) {}

  /**
   * What the reference implementation says about one prompt.
   *
   * @param greedyIds the greedy continuation of {@code promptIds}
   * @param greedyText the same as text
   * @param smallestTop2Margin least distance between the two largest logits on the way
   * @param lastLogits the sixteen largest logits at the prompt's last position, falling
   * @param exitArgmax [exit layer - 1][prompt position]: the likeliest token if the model ended there; the last row is
   *     the whole model
   */
  public record GoldenCase(
      String prompt,
      TokenIds promptIds,
      TokenIds greedyIds,
      String greedyText,
      double smallestTop2Margin,
      List<Logit> lastLogits,
      List<TokenIds> exitArgmax) {}

  /**
   * A prompt to a quantized model and its greedy continuation, computed in float32 on the dequantized weights.
   *
   * @param prompt as text
   */
  public record GgufCase(String prompt, TokenIds promptIds, TokenIds greedyIds) {}

  /** A token and its logit. */
  public record Logit(int id, float value) {}

  private static final ObjectMapper JSON = new ObjectMapper();

  private Fixtures() {}

  /** The root of the repository. */
  public static Path root() {
    String root = System.getProperty("layermesh.root", "");
    if (root.isEmpty()) {
      throw new IllegalStateException("system property layermesh.root is not set: it names the repository's root");
    }
    return Path.of(root);
  }

  /** A file or folder below the root, which must exist. */
  public static Path path(String relative) {
    Path path = root().resolve(relative);
    if (!Files.exists(path)) {
      throw new IllegalStateException("fixture " + path + " is missing");
    }
    return path;
  }

  /** Multi-head attention, untied head, float32, one file. */
  public static Path tinyLlama2() {
    return path("testkit/fixtures/tiny-llama2-mha-untied-f32");
  }

  /** Grouped-query attention, tied head, bfloat16, three shards, scaled RoPE. */
  public static Path tinyLlama3() {
    return path("testkit/fixtures/tiny-llama3-gqa-tied-bf16");
  }

  /** The bundled model, trained with LayerSkip's recipe. */
  public static Path bundledModel() {
    return path("models/layerskip-shakespeare");
  }

  /** Every checkpoint with golden references. */
  public static List<Path> checkpoints() {
    return List.of(tinyLlama2(), tinyLlama3(), bundledModel());
  }

  /** The quantization types that the bundled model has a GGUF file of. */
  public static List<String> ggufTypes() {
    return List.of("Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1");
  }

  /** The bundled model in GGUF, layers and embedding of a type; written by the Python package gguf. */
  public static Path gguf(String type) {
    return path("testkit/fixtures/gguf/shakespeare-" + type.toLowerCase(Locale.ROOT) + ".gguf");
  }

  /** What the reference says about the GGUF file of a type. */
  public static List<GgufCase> ggufGolden(String type) {
    try {
      List<GgufCase> cases = new ArrayList<>();
      JsonNode golden = JSON.readTree(path("testkit/fixtures/gguf/golden.json").toFile());
      for (JsonNode each : golden.required("cases").required(type)) {
        cases.add(new GgufCase(
            each.required("prompt").textValue(), ids(each.required("prompt_ids")), ids(each.required("greedy_ids"))));
      }
      return cases;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Templates, conversations and what they must render to. */
  public static Path chatTemplates() {
    return path("testkit/fixtures/chat_templates.json");
  }

  /** The text that the bundled model was trained on, except for its last tenth. */
  public static String tinyShakespeare() {
    try {
      return Files.readString(path("testkit/fixtures/tinyshakespeare.txt"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The golden references of a checkpoint. */
  public static Golden golden(Path folder) {
    Path file = folder.resolve("golden.json");
    if (!Files.exists(file)) {
      throw new IllegalStateException("fixture " + file + " is missing");
    }
    try {
      List<GoldenCase> cases = new ArrayList<>();
      for (JsonNode each : JSON.readTree(file.toFile()).required("cases")) {
        cases.add(goldenCase(each));
      }
      if (cases.isEmpty()) {
        throw new IllegalStateException("fixture " + file + " holds no case");
      }
      return new Golden(folder, List.copyOf(cases));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static GoldenCase goldenCase(JsonNode node) {
    List<Logit> logits = new ArrayList<>();
    for (JsonNode pair : node.required("last_logits_top16")) {
      logits.add(new Logit(pair.get(0).intValue(), pair.get(1).floatValue()));
    }
    List<TokenIds> exitArgmax = new ArrayList<>();
    for (JsonNode layer : node.required("exit_argmax")) {
      exitArgmax.add(ids(layer));
    }
    return new GoldenCase(
        node.required("prompt").textValue(),
        ids(node.required("prompt_ids")),
        ids(node.required("greedy_ids")),
        node.required("greedy_text").textValue(),
        node.required("smallest_top2_margin").doubleValue(),
        List.copyOf(logits),
        List.copyOf(exitArgmax));
  }

  private static TokenIds ids(JsonNode array) {
    int[] ids = new int[array.size()];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = array.get(i).intValue();
    }
    return TokenIds.of(ids);
  }
}
