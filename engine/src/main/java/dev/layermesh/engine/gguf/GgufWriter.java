package dev.layermesh.engine.gguf;

import java.io.ByteArrayOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Writes a GGUF file of version 3: metadata and tensors in the order of the calls that add them. Belongs to one
 * thread.
 */
public final class GgufWriter {
  private static final int ALIGNMENT = GgufFile.DEFAULT_ALIGNMENT;

  /** Writes the data of a tensor, exactly the bytes of its type and shape. */
  @FunctionalInterface
  public interface Content {
    void writeTo(OutputStream out) throws IOException;
  }

  private record Tensor(String name, GgmlType type, List<Integer> shape, Content content) {
    long length() {
      long weights = shape.stream().mapToLong(Integer::longValue).reduce(1, Math::multiplyExact);
      return weights / type.blockWeights() * type.blockBytes();
    }
  }

  private final ByteArrayOutputStream metadata = new ByteArrayOutputStream();
  private final List<Tensor> tensors = new ArrayList<>();
  private int keys;

  /** Adds a string. */
  public GgufWriter text(String key, String value) {
    begin(key, ValueType.STRING);
    string(metadata, value);
    return this;
  }

  /** Adds an unsigned number of 32 bits. */
  public GgufWriter integer(String key, int value) {
    begin(key, ValueType.UINT32);
    put(metadata, little(Integer.BYTES).putInt(value));
    return this;
  }

  /** Adds a float32. */
  public GgufWriter number(String key, float value) {
    begin(key, ValueType.FLOAT32);
    put(metadata, little(Float.BYTES).putFloat(value));
    return this;
  }

  /** Adds a truth value. */
  public GgufWriter flag(String key, boolean value) {
    begin(key, ValueType.BOOL);
    metadata.write(value ? 1 : 0);
    return this;
  }

  /** Adds a list of strings. */
  public GgufWriter texts(String key, List<String> values) {
    beginArray(key, ValueType.STRING, values.size());
    values.forEach(value -> string(metadata, value));
    return this;
  }

  /** Adds a list of signed numbers of 32 bits. */
  public GgufWriter integers(String key, int[] values) {
    beginArray(key, ValueType.INT32, values.length);
    ByteBuffer bytes = little(Math.multiplyExact(Integer.BYTES, values.length));
    IntStream.of(values).forEach(bytes::putInt);
    put(metadata, bytes);
    return this;
  }

  /** Adds a list of float32 numbers. */
  public GgufWriter numbers(String key, float[] values) {
    beginArray(key, ValueType.FLOAT32, values.length);
    ByteBuffer bytes = little(Math.multiplyExact(Float.BYTES, values.length));
    for (float value : values) {
      bytes.putFloat(value);
    }
    put(metadata, bytes);
    return this;
  }

  /**
   * Adds a tensor.
   *
   * @param shape the length of a row last, whole blocks of the type
   */
  public GgufWriter tensor(String name, GgmlType type, List<Integer> shape, Content content) {
    if (shape.getLast() % type.blockWeights() != 0) {
      throw new IllegalArgumentException(name + ": rows of " + shape.getLast() + " in blocks of " + type);
    }
    tensors.add(new Tensor(name, type, List.copyOf(shape), content));
    return this;
  }

  /** Bytes of all tensors. */
  public long dataBytes() {
    return tensors.stream().mapToLong(Tensor::length).sum();
  }

  /** Writes the whole file; the stream stays open. */
  public void writeTo(OutputStream stream) throws IOException {
    var out = new Counting(stream);
    put(out, little(24).putInt(GgufFile.MAGIC).putInt(GgufFile.VERSION).putLong(tensors.size()).putLong(keys));
    metadata.writeTo(out);
    long offset = 0;
    for (Tensor tensor : tensors) {
      string(out, tensor.name);
      put(out, little(Integer.BYTES).putInt(tensor.shape.size()));
      for (int size : tensor.shape.reversed()) {
        put(out, little(Long.BYTES).putLong(size));
      }
      put(out, little(12).putInt(tensor.type.id()).putLong(offset));
      offset = GgufFile.aligned(offset + tensor.length(), ALIGNMENT);
    }
    pad(out);
    for (Tensor tensor : tensors) {
      long begin = out.written;
      tensor.content.writeTo(out);
      if (out.written - begin != tensor.length()) {
        throw new IllegalStateException(
            tensor.name + ": " + (out.written - begin) + " bytes written of " + tensor.length());
      }
      pad(out);
    }
  }

  private void begin(String key, ValueType type) {
    string(metadata, key);
    put(metadata, little(Integer.BYTES).putInt(type.ordinal()));
    keys++;
  }

  private void beginArray(String key, ValueType elements, int count) {
    begin(key, ValueType.ARRAY);
    put(metadata, little(12).putInt(elements.ordinal()).putLong(count));
  }

  private static void pad(Counting out) throws IOException {
    out.write(new byte[(int) (GgufFile.aligned(out.written, ALIGNMENT) - out.written)]);
  }

  private static void string(ByteArrayOutputStream out, String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    put(out, little(Long.BYTES).putLong(utf8.length));
    out.writeBytes(utf8);
  }

  private static void string(OutputStream out, String text) throws IOException {
    var bytes = new ByteArrayOutputStream();
    string(bytes, text);
    bytes.writeTo(out);
  }

  private static ByteBuffer little(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static void put(ByteArrayOutputStream out, ByteBuffer bytes) {
    out.writeBytes(bytes.array());
  }

  private static void put(OutputStream out, ByteBuffer bytes) throws IOException {
    out.write(bytes.array());
  }

  private static final class Counting extends FilterOutputStream {
    private long written;

    Counting(OutputStream out) {
      super(out);
    }

    @Override
    public void write(int b) throws IOException {
      out.write(b);
      written++;
    }

    @Override
    public void write(byte[] bytes, int from, int count) throws IOException {
      out.write(bytes, from, count);
      written += count;
    }
  }
}
