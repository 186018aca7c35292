package dev.layermesh.decoding;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Hidden states of consecutive positions, [count, width], row-major: the residual stream after the exit layer, not
 * normed. Immutable until the reply to the work that carries them, or until the verdict that rejects the tokens before
 * that work: then no verifier runs them. An accelerator keeps them in its own memory and copies them only when {@link
 * #bytes()} is called.
 */
public interface HiddenRows {

  /** Element type, the engine's residual type exactly: rounding would make the verifier verify another function. */
  enum Type {
    F32(4),
    F16(2),
    BF16(2);

    private final int bytes;

    Type(int bytes) {
      this.bytes = bytes;
    }

    /** Bytes of one element. */
    public int bytes() {
      return bytes;
    }
  }

  /** Number of rows. */
  int count();

  /** Elements of a row: hiddenSize. */
  int width();

  /** Element type. */
  Type type();

  /**
   * The rows in host memory, little-endian, {@code count * width * type.bytes()} bytes; read-only. They may be a view
   * of a received frame, so they are aligned to nothing: read them with unaligned layouts. Rows of several {@link
   * #parts()} are copied for this.
   */
  MemorySegment bytes();

  /** These rows in order, each part in one piece of memory, so that its {@link #bytes()} copy nothing on the host. */
  default List<HiddenRows> parts() {
    return List.of(this);
  }

  /** Rows {@code from} to {@code to} (exclusive) of these. */
  default HiddenRows slice(int from, int to) {
    long rowBytes = (long) width() * type().bytes();
    return from == 0 && to == count()
        ? this
        : new Host(to - from, width(), type(), bytes().asSlice(from * rowBytes, (to - from) * rowBytes));
  }

  /** Rows of several parts, at least one, of the same width and type. */
  static HiddenRows join(List<HiddenRows> parts) {
    return parts.size() == 1 ? parts.getFirst() : new Joined(parts);
  }

  /** Rows that lie in several pieces of memory. */
  record Joined(List<HiddenRows> parts) implements HiddenRows {
    public Joined {
      HiddenRows first = parts.getFirst();
      for (HiddenRows part : parts) {
        if (part.width() != first.width() || part.type() != first.type()) {
          throw new IllegalArgumentException("rows of " + part.width() + " " + part.type() + " behind rows of "
              + first.width() + " " + first.type());
        }
      }
      parts = parts.stream().flatMap(part -> part.parts().stream()).toList();
    }

    @Override
    public int count() {
      return parts.stream().mapToInt(HiddenRows::count).sum();
    }

    @Override
    public int width() {
      return parts.getFirst().width();
    }

    @Override
    public Type type() {
      return parts.getFirst().type();
    }

    @Override
    public MemorySegment bytes() {
      MemorySegment all =
          MemorySegment.ofArray(new byte[Math.toIntExact((long) count() * width() * type().bytes())]);
      long at = 0;
      for (HiddenRows part : parts) {
        MemorySegment bytes = part.bytes();
        MemorySegment.copy(bytes, 0, all, at, bytes.byteSize());
        at += bytes.byteSize();
      }
      return all.asReadOnly();
    }

    @Override
    public HiddenRows slice(int from, int to) {
      if (from < 0 || to > count() || from >= to) {
        throw new IndexOutOfBoundsException("rows " + from + " to " + to + " of " + count());
      }
      var slices = new ArrayList<HiddenRows>();
      int first = 0;
      for (HiddenRows part : parts) {
        int end = first + part.count();
        if (first < to && from < end) {
          slices.add(part.slice(Math.max(from, first) - first, Math.min(to, end) - first));
        }
        first = end;
      }
      return join(slices);
    }
  }

  /** Rows that already lie in host memory. */
  record Host(int count, int width, Type type, MemorySegment bytes) implements HiddenRows {
    public Host {
      long expected = (long) count * width * type.bytes();
      if (count < 0 || width <= 0 || bytes.byteSize() != expected) {
        throw new IllegalArgumentException(
            count + " rows of " + width + " " + type + " need " + expected + " bytes, got " + bytes.byteSize());
      }
      bytes = bytes.asReadOnly();
    }
  }
}
