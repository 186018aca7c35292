package dev.layermesh.engine.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.layermesh.decoding.TokenIds;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What Hugging Face transformers computes in float32 for a model of {@link Fixtures}.
 *
 * @param cases prompts and the most likely token after every position at every exit
 * @param tensors by name, of the first case: {@code hidden.l} [T, D] after layer l and {@code exit_logits.l} [T, V];
 *     empty when the model has none
 */
public record Golden(List<Case> cases, Map<String, float[]> tensors) {

  /**
   * A prompt.
   *
   * @param exitArgmax [L][T]
   */
  public record Case(TokenIds prompt, List<List<Integer>> exitArgmax) {}

  /** The golden files in a model's folder. */
  public static Golden read(Path folder) {
    List<Case> cases = new ArrayList<>();
    try {
      for (JsonNode each : new JsonMapper().readTree(folder.resolve("golden.json").toFile()).get("cases")) {
        List<List<Integer>> exits = new ArrayList<>();
        each.get("exit_argmax").forEach(exit -> exits.add(ints(exit)));
        cases.add(new Case(TokenIds.of(ints(each.get("prompt_ids")).stream().mapToInt(i -> i).toArray()), exits));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Path file = folder.resolve("golden.safetensors");
    return new Golden(cases, file.toFile().exists() ? tensors(file) : Map.of());
  }

  private static Map<String, float[]> tensors(Path file) {
    Map<String, float[]> tensors = new HashMap<>();
    try (Arena arena = Arena.ofConfined()) {
      Shard shard = Shard.map(file, arena);
      shard.extents().forEach((name, extent) -> tensors.put(name, shard.data(extent)
          .toArray(ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN))));
    }
    return tensors;
  }

  private static List<Integer> ints(JsonNode array) {
    List<Integer> ints = new ArrayList<>();
    array.forEach(value -> ints.add(value.intValue()));
    return ints;
  }
}
