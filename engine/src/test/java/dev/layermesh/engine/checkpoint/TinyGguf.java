package dev.layermesh.engine.checkpoint;

import dev.layermesh.engine.gguf.GgmlType;
import dev.layermesh.engine.gguf.GgufWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/** GGUF files of the smallest models. */
final class TinyGguf {
  static final List<String> TOKENS = List.of("a", "b", "ab", "c", "abc");

  static final List<String> KEYS = List.of("general.architecture", "llama.context_length", "llama.embedding_length",
      "llama.block_count", "llama.feed_forward_length", "llama.attention.head_count",
      "llama.attention.layer_norm_rms_epsilon", "tokenizer.ggml.model", "tokenizer.ggml.pre", "tokenizer.ggml.tokens",
      "tokenizer.ggml.merges");
  static final List<String> TENSORS = tensors(TOKENS.size()).stream().map(tensor -> tensor.split(" ")[0]).toList();

  /** A model with the required keys alone. */
  static GgufWriter tiny() {
    return tiny(TOKENS, Set.of());
  }

  /**
   * A model of 2 layers, D = 8, F = 16, H = 2, of zeros.
   *
   * @param tokens its vocabulary
   * @param without keys and tensors to leave out
   */
  static GgufWriter tiny(List<String> tokens, Set<String> without) {
    var writer = new GgufWriter();
    metadata(writer, tokens, without);
    for (String each : tensors(tokens.size())) {
      String[] words = each.split(" ");
      List<Integer> shape = List.of(words).subList(1, words.length).stream().map(Integer::valueOf).toList();
      if (!without.contains(words[0])) {
        writer.tensor(words[0], GgmlType.F32, shape, zeros(4 * shape.stream().reduce(1, (a, b) -> a * b)));
      }
    }
    return writer;
  }

  /** Names and sizes. */
  private static List<String> tensors(int vocabSize) {
    List<String> inLayer = List.of("attn_norm 8", "attn_q 8 8", "attn_k 8 8", "attn_v 8 8", "attn_output 8 8",
        "ffn_norm 8", "ffn_gate 16 8", "ffn_up 16 8", "ffn_down 8 16");
    List<String> all = new ArrayList<>(List.of("token_embd.weight " + vocabSize + " 8", "output_norm.weight 8"));
    for (int layer = 0; layer < 2; layer++) {
      for (String each : inLayer) {
        all.add("blk." + layer + "." + each.replaceFirst(" ", ".weight "));
      }
    }
    return all;
  }

  private static void metadata(GgufWriter writer, List<String> tokens, Set<String> without) {
    with("general.architecture", without, key -> writer.text(key, "llama"));
    with("llama.context_length", without, key -> writer.integer(key, 64));
    with("llama.embedding_length", without, key -> writer.integer(key, 8));
    with("llama.block_count", without, key -> writer.integer(key, 2));
    with("llama.feed_forward_length", without, key -> writer.integer(key, 16));
    with("llama.attention.head_count", without, key -> writer.integer(key, 2));
    with("llama.attention.layer_norm_rms_epsilon", without, key -> writer.number(key, 1e-5f));
    with("tokenizer.ggml.model", without, key -> writer.text(key, "gpt2"));
    with("tokenizer.ggml.pre", without, key -> writer.text(key, "gpt-2"));
    with("tokenizer.ggml.tokens", without, key -> writer.texts(key, tokens));
    with("tokenizer.ggml.merges", without, key -> writer.texts(key, List.of("a b")));
  }

  private static void with(String key, Set<String> without, Consumer<String> put) {
    if (!without.contains(key)) {
      put.accept(key);
    }
  }

  static GgufWriter.Content zeros(int count) {
    return out -> out.write(new byte[count]);
  }

  /** Writes a file. */
  static Path write(GgufWriter writer, Path file) {
    try (OutputStream out = Files.newOutputStream(file)) {
      writer.writeTo(out);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return file;
  }

  private TinyGguf() {}
}
