package dev.layermesh.engine.gguf;

import dev.layermesh.decoding.InputException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A model in GGUF: one file, or the parts {@code NAME-00001-of-0000N.gguf} that llama.cpp's gguf-split makes of one
 * (its keys {@code split.no}, {@code split.count}, {@code split.tensors.count}; tools/gguf-split). The first part holds
 * the metadata. Any thread may use it as long as the files are mapped.
 */
public final class GgufParts {
  private static final String NUMBER = "split.no";
  private static final String COUNT = "split.count";
  private static final String TENSORS = "split.tensors.count";
  private static final int MOST_PARTS = 99_999; // of five digits
  private static final Pattern NAME = Pattern.compile("(.+)-(\\d{5})-of-(\\d{5})\\.gguf");

  private final List<GgufFile> parts;
  private final SequencedMap<String, GgufTensor> tensors = new LinkedHashMap<>();
  private final Map<String, GgufFile> partOf = new HashMap<>();

  private GgufParts(List<GgufFile> parts) {
    this.parts = List.copyOf(parts);
    for (GgufFile part : parts) {
      part.tensors().forEach((name, tensor) -> {
        tensors.put(name, tensor);
        GgufFile before = partOf.put(name, part);
        if (before != null) {
          throw InputException.in(part.file(), "tensor", name, "is in " + before.file().getFileName() + " as well");
        }
      });
    }
  }

  /**
   * Maps the model for as long as {@code arena} lives and checks everything but the data of the tensors.
   *
   * @param file the file, or any of its parts
   * @throws InputException naming file, field and value
   */
  public static GgufParts map(Path file, Arena arena) {
    GgufFile named = GgufFile.map(file, arena);
    int count = named.metadata().optionalInteger(COUNT).orElse(1);
    if (count <= 1) {
      return new GgufParts(List.of(named));
    }
    Matcher name = NAME.matcher(file.getFileName().toString());
    if (count > MOST_PARTS || !name.matches() || Integer.parseInt(name.group(3)) != count) {
      throw named.metadata().wrong(COUNT, "a part of a model must be named NAME-00001-of-%05d.gguf".formatted(count));
    }
    List<GgufFile> parts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Path path = file.resolveSibling("%s-%05d-of-%05d.gguf".formatted(name.group(1), i + 1, count));
      GgufFile part = path.equals(file) ? named : GgufFile.map(path, arena);
      requirePlace(part, i, count);
      parts.add(part);
    }
    var all = new GgufParts(parts);
    GgufMetadata metadata = all.metadata();
    if (metadata.optionalInteger(TENSORS).orElse(all.tensors.size()) != all.tensors.size()) {
      throw metadata.wrong(TENSORS, "the " + count + " parts hold " + all.tensors.size());
    }
    return all;
  }

  private static void requirePlace(GgufFile part, int number, int count) {
    if (part.metadata().integer(COUNT) != count) {
      throw part.metadata().wrong(COUNT, "must be " + count + ", as in the other parts");
    }
    if (part.metadata().integer(NUMBER) != number) {
      throw part.metadata().wrong(NUMBER, "must be " + number + " by the name of the file");
    }
  }

  /** The file, or the first part. */
  public Path file() {
    return parts.getFirst().file();
  }

  /** The name of the model: that of the file without {@code .gguf} and the number of the part. */
  public String name() {
    String file = file().getFileName().toString();
    Matcher part = NAME.matcher(file);
    return parts.size() > 1 && part.matches() ? part.group(1) : file.replaceFirst("\\.gguf$", "");
  }

  /** The metadata of the model. */
  public GgufMetadata metadata() {
    return parts.getFirst().metadata();
  }

  /** Tensors of all parts by name. */
  public SequencedMap<String, GgufTensor> tensors() {
    return Collections.unmodifiableSequencedMap(tensors);
  }

  /** The file that holds a tensor; the first part for a tensor that the model does not have. */
  public Path file(String tensor) {
    return partOf.getOrDefault(tensor, parts.getFirst()).file();
  }

  /** The bytes of one of this model's tensors. */
  public MemorySegment data(GgufTensor tensor) {
    return partOf.get(tensor.name()).data(tensor);
  }
}
