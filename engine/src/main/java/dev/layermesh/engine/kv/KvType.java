package dev.layermesh.engine.kv;

import dev.layermesh.decoding.InputException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** What keys and values are kept as. It is part of {@code Backend.arithmetic()}: with another type, other tokens. */
public enum KvType {
  /** As they are computed. */
  F32,
  /** In blocks of 32 elements of a head, 8-bit numbers and a float32 scale, rounded as their position is written. */
  Q8_0;

  /** Elements of a head that share a scale where they are quantized. */
  public static final int BLOCK = 32;

  /**
   * The type of a name as users write it.
   *
   * @throws InputException when there is none
   */
  public static KvType parse(String name) {
    return Arrays.stream(values()).filter(type -> type.toString().equals(name)).findFirst().orElseThrow(
        () -> InputException.of("--kv-type", name, "must be "
            + Arrays.stream(values()).map(KvType::toString).collect(Collectors.joining(" or "))));
  }

  /** Bytes of so many elements, whole blocks of them. */
  public long bytes(long elements) {
    return switch (this) {
      case F32 -> elements * Float.BYTES;
      case Q8_0 -> elements + elements / BLOCK * Float.BYTES;
    };
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
