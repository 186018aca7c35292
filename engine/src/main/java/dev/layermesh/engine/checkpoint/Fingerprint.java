package dev.layermesh.engine.checkpoint;

import dev.layermesh.engine.model.ModelConfig;
import dev.layermesh.engine.model.ModelFiles;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Names a model, so that workers of different models never serve one session.
 *
 * <p>{@code id} covers what every role holds: the config, the tokenizer files, the final norm and the output
 * projection. A drafter, a verifier and a whole copy compute the same id, and the cut into files does not change it. A
 * fine-tune that changes neither norm nor head has the same id; its {@code parts} differ. Parts cover the embedding and
 * every layer whose tensors are all in shards that the worker opened, including layers that it does not run. Both roles
 * open the shard with the final norm, so drafter and verifier usually have parts in common. Workers may serve one
 * session when {@link #difference} is empty.
 *
 * <p>Of each tensor, name, dtype, shape and up to 4 KiB of data count. Training changes them; an edit of single weights
 * may not.
 *
 * @param id 16 hexadecimal digits
 * @param parts such digests by part, {@code embedding} where it is not the head, {@code layer 0}, {@code layer 1} …
 */
public record Fingerprint(String id, SequencedMap<String, String> parts) {
  private static final String FORMAT = "layermesh fingerprint 1";

  public Fingerprint {
    parts = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(parts));
  }

  /**
   * The fingerprint that a holder of {@code slice} publishes. Opens the slice's shards and reads a few KiB per tensor.
   *
   * @throws dev.layermesh.decoding.InputException naming file, field and value
   */
  public static Fingerprint of(Checkpoint checkpoint, Slice slice) {
    ModelConfig config = checkpoint.config();
    Set<Path> opened = slice.tensors(config).stream().map(checkpoint.source()::file).collect(Collectors.toSet());
    SequencedMap<String, String> parts = new LinkedHashMap<>();
    if (!config.tiedHead()) {
      digest(checkpoint, List.of(TensorSpec.embedding(config)), opened).ifPresent(it -> parts.put("embedding", it));
    }
    for (int i = 0; i < config.numLayers(); i++) {
      String name = "layer " + i;
      digest(checkpoint, TensorSpec.layer(config, i), opened).ifPresent(it -> parts.put(name, it));
    }
    return new Fingerprint(id(checkpoint), parts);
  }

  /** The first difference between two workers' models, for a message; empty when there is none. */
  public Optional<String> difference(Fingerprint other) {
    if (!id.equals(other.id)) {
      return Optional.of("model " + id + " against " + other.id);
    }
    return parts.entrySet().stream()
        .filter(part -> !other.parts.getOrDefault(part.getKey(), part.getValue()).equals(part.getValue()))
        .map(part -> part.getKey() + " " + part.getValue() + " against " + other.parts.get(part.getKey()))
        .findFirst();
  }

  private static String id(Checkpoint checkpoint) {
    Digest digest = new Digest().add(FORMAT).add(checkpoint.config().toString());
    checkpoint.files().contents().forEach((name, bytes) -> {
      if (ModelFiles.TOKENIZER.contains(name)) {
        digest.add(name).add(bytes);
      }
    });
    HeadWeights head = checkpoint.head();
    return digest.sample(head.norm()).sample(head.projection()).hex();
  }

  private static Optional<String> digest(Checkpoint checkpoint, Collection<TensorSpec> specs, Set<Path> opened) {
    if (!specs.stream().allMatch(spec -> checkpoint.source().has(spec, opened))) {
      return Optional.empty();
    }
    Digest digest = new Digest();
    specs.forEach(spec -> digest.sample(checkpoint.source().view(spec)));
    return Optional.of(digest.hex());
  }
}
