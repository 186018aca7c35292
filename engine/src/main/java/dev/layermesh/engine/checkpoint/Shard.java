package dev.layermesh.engine.checkpoint;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.json.JsonFields;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A memory-mapped safetensors file: 8 bytes of header length N, N bytes of JSON, then the data. The header divides the
 * data without holes or overlaps (github.com/huggingface/safetensors, "Format").
 *
 * @param file for messages
 * @param bytes the whole file
 * @param extents by tensor name
 */
record Shard(Path file, MemorySegment bytes, Map<String, Extent> extents) {
  private static final int LENGTH_BYTES = 8;
  private static final long MAX_HEADER_BYTES = 100_000_000; // of the format
  private static final String METADATA = "__metadata__";
  private static final ValueLayout.OfLong LENGTH = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final Map<String, Integer> BITS = Map.ofEntries(
      Map.entry("F4", 4), Map.entry("F6_E2M3", 6), Map.entry("F6_E3M2", 6), Map.entry("F8_E8M0", 8),
      Map.entry("F8_E5M2", 8), Map.entry("F8_E4M3", 8), Map.entry("BOOL", 8), Map.entry("U8", 8), Map.entry("I8", 8),
      Map.entry("U16", 16), Map.entry("I16", 16), Map.entry("F16", 16), Map.entry("BF16", 16), Map.entry("U32", 32),
      Map.entry("I32", 32), Map.entry("F32", 32), Map.entry("U64", 64), Map.entry("I64", 64), Map.entry("F64", 64),
      Map.entry("C64", 64));

  /** Maps {@code file} for as long as {@code arena} lives and checks its header. */
  static Shard map(Path file, Arena arena) {
    if (!Files.isRegularFile(file)) {
      throw InputException.in(file, "no such file");
    }
    try (FileChannel channel = FileChannel.open(file)) {
      return parse(file, channel.map(MapMode.READ_ONLY, 0, channel.size(), arena));
    } catch (IOException e) {
      throw InputException.in(file, "cannot be read: " + e);
    }
  }

  /** Checks the header of a file whose content is {@code bytes}. */
  static Shard parse(Path file, MemorySegment bytes) {
    JsonFields header = header(file, bytes);
    long data = bytes.byteSize() - headerEnd(bytes);
    Map<String, Extent> extents = LinkedHashMap.newLinkedHashMap(header.names().size());
    for (String name : header.names()) {
      if (!name.equals(METADATA)) {
        extents.put(name, extent(header.object(name), headerEnd(bytes), data));
      }
    }
    requireWithoutGaps(file, extents, headerEnd(bytes), bytes.byteSize());
    return new Shard(file, bytes, extents);
  }

  /** The bytes of one of this file's tensors. */
  MemorySegment data(Extent extent) {
    return bytes.asSlice(extent.begin(), extent.end() - extent.begin());
  }

  private static long headerEnd(MemorySegment bytes) {
    return LENGTH_BYTES + bytes.get(LENGTH, 0);
  }

  private static JsonFields header(Path file, MemorySegment bytes) {
    if (bytes.byteSize() < LENGTH_BYTES) {
      throw InputException.in(file, "file size", bytes.byteSize(), "a safetensors file has at least 8 bytes");
    }
    long length = bytes.get(LENGTH, 0);
    long most = Math.min(MAX_HEADER_BYTES, bytes.byteSize() - LENGTH_BYTES);
    if (length < 1 || length > most) {
      throw InputException.in(file, "header length", Long.toUnsignedString(length),
          "must be between 1 and " + most + " in a file of " + bytes.byteSize() + " bytes");
    }
    return JsonFields.parse(file, bytes.asSlice(LENGTH_BYTES, length).toArray(JAVA_BYTE));
  }

  private static Extent extent(JsonFields tensor, long dataStart, long dataBytes) {
    String dtype = tensor.text("dtype");
    if (!BITS.containsKey(dtype)) {
      throw tensor.wrong("dtype", "is no dtype of safetensors");
    }
    List<Long> shape = tensor.sizes("shape");
    List<Long> offsets = tensor.sizes("data_offsets");
    if (offsets.size() != 2 || offsets.getFirst() > offsets.getLast() || offsets.getLast() > dataBytes) {
      throw tensor.wrong("data_offsets",
          "must be [begin, end] within the " + dataBytes + " bytes of data that the file has");
    }
    long bits = bits(tensor, dtype, shape);
    long length = offsets.getLast() - offsets.getFirst();
    if (bits % 8 != 0 || length != bits / 8) {
      throw tensor.wrong("data_offsets",
          "hold " + length + " bytes, but " + dtype + " " + shape + " takes " + bits / 8);
    }
    return new Extent(dtype, shape, dataStart + offsets.getFirst(), dataStart + offsets.getLast());
  }

  private static long bits(JsonFields tensor, String dtype, List<Long> shape) {
    try {
      return shape.stream().reduce((long) BITS.get(dtype), Math::multiplyExact);
    } catch (ArithmeticException _) {
      throw tensor.wrong("shape", "has more elements than any file");
    }
  }

  private static void requireWithoutGaps(Path file, Map<String, Extent> extents, long dataStart, long fileBytes) {
    List<Map.Entry<String, Extent>> inOrder = extents.entrySet().stream()
        .sorted(Map.Entry.comparingByValue(Comparator.comparingLong(Extent::begin).thenComparingLong(Extent::end)))
        .toList();
    long end = dataStart;
    for (Map.Entry<String, Extent> each : inOrder) {
      Extent extent = each.getValue();
      if (extent.begin() != end) {
        throw InputException.in(file, each.getKey() + ".data_offsets",
            "[" + (extent.begin() - dataStart) + ", " + (extent.end() - dataStart) + "]",
            (extent.begin() < end ? "overlaps the tensor before it" : "leaves a hole before it")
                + ": must begin at " + (end - dataStart));
      }
      end = extent.end();
    }
    if (end != fileBytes) {
      throw InputException.in(file, "file size", fileBytes, "its tensors end at byte " + end);
    }
  }
}
