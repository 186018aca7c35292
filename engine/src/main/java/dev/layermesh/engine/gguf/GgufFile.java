package dev.layermesh.engine.gguf;

import dev.layermesh.decoding.InputException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/**
 * A memory-mapped GGUF file of version 2 or 3, little-endian: magic, version, counts, metadata, tensor infos, then the
 * data of the tensors, each at a multiple of the alignment, without holes or overlaps. Bytes after the last tensor are
 * not read. Any thread may use it as long as the file is mapped.
 *
 * @param file for messages
 * @param bytes the whole file
 * @param metadata by key
 * @param tensors by name, in the order of their data
 */
public record GgufFile(
    Path file, MemorySegment bytes, GgufMetadata metadata, SequencedMap<String, GgufTensor> tensors) {
  static final int MAGIC = 0x46554747; // "GGUF"
  static final int VERSION = 3;
  private static final int LITTLE_ENDIAN_ONLY = 2; // version 3 added files in big-endian order, nothing else
  static final String ALIGNMENT = "general.alignment";
  static final int DEFAULT_ALIGNMENT = 32;
  private static final int MOST_ALIGNMENT = 1 << 20; // far above any page size
  private static final int MOST_TENSORS = 1 << 17; // 13 tensors for each of the most layers that a model may have
  private static final int MOST_NAME_BYTES = 64; // of the specification
  private static final int MOST_DIMENSIONS = 4; // of the specification

  public GgufFile {
    tensors = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(tensors));
  }

  /** A tensor whose offset counts from the start of the data. */
  private record Info(String name, GgmlType type, List<Long> shape, long offset, long length) {
    long end() {
      return offset + length;
    }
  }

  /**
   * Maps {@code file} for as long as {@code arena} lives and checks everything but the data of the tensors.
   *
   * @throws InputException naming file, field and value
   */
  public static GgufFile map(Path file, Arena arena) {
    if (!Files.isRegularFile(file)) {
      throw InputException.in(file, "no such file");
    }
    try (FileChannel channel = FileChannel.open(file)) {
      return parse(file, channel.map(MapMode.READ_ONLY, 0, channel.size(), arena));
    } catch (IOException e) {
      throw InputException.in(file, "cannot be read: " + e);
    }
  }

  /** Checks a file whose content is {@code bytes}. */
  static GgufFile parse(Path file, MemorySegment bytes) {
    var cursor = new Cursor(file, bytes);
    requireVersion(file, cursor);
    long tensorCount = cursor.count("tensor_count", MOST_TENSORS);
    long keyCount = cursor.count("metadata_kv_count", GgufMetadata.MOST_KEYS);
    GgufMetadata metadata = GgufMetadata.read(file, cursor, keyCount);
    int alignment = alignment(metadata);
    List<Info> infos = new ArrayList<>();
    for (int i = 0; i < tensorCount; i++) {
      infos.add(info(file, cursor, i, alignment));
    }
    return new GgufFile(file, bytes, metadata, placed(file, infos, cursor.at(), bytes.byteSize(), alignment));
  }

  private static void requireVersion(Path file, Cursor cursor) {
    int magic = cursor.word("magic");
    if (magic != MAGIC) {
      throw InputException.in(file, "magic", "0x%08x".formatted(Integer.reverseBytes(magic)),
          "must be 0x47475546, \"GGUF\": this is another kind of file");
    }
    int version = cursor.word("version");
    if (version == Integer.reverseBytes(VERSION)) {
      throw InputException.in(file, "version", Integer.toUnsignedString(version),
          "is 3 in big-endian order: convert it with gguf-convert-endian FILE little of the Python package gguf");
    }
    if (version != VERSION && version != LITTLE_ENDIAN_ONLY) {
      throw InputException.in(file, "version", Integer.toUnsignedString(version),
          "must be 2 or 3: convert the model again with llama.cpp's convert_hf_to_gguf.py");
    }
  }

  private static int alignment(GgufMetadata metadata) {
    int alignment = metadata.optionalInteger(ALIGNMENT).orElse(DEFAULT_ALIGNMENT);
    if (alignment < 8 || alignment % 8 != 0 || alignment > MOST_ALIGNMENT) {
      throw metadata.wrong(ALIGNMENT, "must be a multiple of 8, at most " + MOST_ALIGNMENT);
    }
    return alignment;
  }

  private static Info info(Path file, Cursor cursor, int index, int alignment) {
    String name = cursor.name("tensors[" + index + "].name", MOST_NAME_BYTES);
    int dimensions = cursor.word(name + ".n_dims");
    if (dimensions < 1 || dimensions > MOST_DIMENSIONS) {
      throw InputException.in(file, name + ".n_dims", Integer.toUnsignedString(dimensions),
          "must be between 1 and " + MOST_DIMENSIONS);
    }
    List<Long> shape = new ArrayList<>(dimensions);
    for (int i = 0; i < dimensions; i++) {
      shape.addFirst(size(file, name, i, cursor.offset(name + ".dims[" + i + "]")));
    }
    int id = cursor.word(name + ".type");
    GgmlType type = GgmlType.of(id).orElseThrow(() -> InputException.in(
        file, name + ".type", Integer.toUnsignedString(id), "is no type of tensors"));
    long length = length(file, name, type, shape);
    long offset = cursor.offset(name + ".offset");
    if (offset < 0 || offset % alignment != 0) {
      throw InputException.in(file, name + ".offset", Long.toUnsignedString(offset),
          "must be a multiple of the alignment, " + alignment);
    }
    return new Info(name, type, shape, offset, length);
  }

  private static long size(Path file, String name, int index, long size) {
    if (size < 1) {
      throw InputException.in(file, name + ".dims[" + index + "]", Long.toUnsignedString(size),
          "must be between 1 and 2^63 - 1");
    }
    return size;
  }

  private static long length(Path file, String name, GgmlType type, List<Long> shape) {
    if (shape.getLast() % type.blockWeights() != 0) {
      throw InputException.in(file, name + ".dims[0]", shape.getLast(),
          "must be a multiple of " + type.blockWeights() + ", the weights of a block of " + type);
    }
    try {
      long weights = shape.stream().reduce(1L, Math::multiplyExact);
      return Math.multiplyExact(weights / type.blockWeights(), (long) type.blockBytes());
    } catch (ArithmeticException _) {
      throw InputException.in(file, name + ".dims", shape, "have more weights than any file");
    }
  }

  private static SequencedMap<String, GgufTensor> placed(
      Path file, List<Info> infos, long infoEnd, long fileBytes, int alignment) {
    long start = aligned(infoEnd, alignment);
    SequencedMap<String, GgufTensor> tensors = new LinkedHashMap<>();
    long end = 0; // of the tensors so far, from the start of the data
    for (Info info : infos.stream().sorted(Comparator.comparingLong(Info::offset)).toList()) {
      long expected = aligned(end, alignment);
      if (info.offset() != expected) {
        throw InputException.in(file, info.name() + ".offset", info.offset(),
            (info.offset() < end ? "overlaps the tensor before it" : "leaves a hole before it")
                + ": must be " + expected);
      }
      if (info.length() > fileBytes - start - info.offset()) {
        throw InputException.in(file, info.name() + ".offset", info.offset(), "its " + info.length()
            + " bytes end behind the file, which has " + Math.max(0, fileBytes - start) + " bytes of data");
      }
      end = info.end();
      var tensor = new GgufTensor(info.name(), info.type(), info.shape(), start + info.offset(), start + end);
      if (tensors.put(info.name(), tensor) != null) {
        throw InputException.in(file, "tensors.name", info.name(), "appears twice");
      }
    }
    return tensors;
  }

  /** The bytes of one of this file's tensors. */
  public MemorySegment data(GgufTensor tensor) {
    return bytes.asSlice(tensor.begin(), tensor.end() - tensor.begin());
  }

  static long aligned(long at, int alignment) {
    return Math.ceilDiv(at, (long) alignment) * alignment;
  }
}
