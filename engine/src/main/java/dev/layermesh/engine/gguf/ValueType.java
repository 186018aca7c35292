package dev.layermesh.engine.gguf;

import java.util.Optional;

/** Types of metadata values, in the order of their ids (GGUF specification, gguf_metadata_value_type). */
enum ValueType {
  UINT8(1),
  INT8(1),
  UINT16(2),
  INT16(2),
  UINT32(4),
  INT32(4),
  FLOAT32(4),
  BOOL(1),
  STRING(8),
  ARRAY(12),
  UINT64(8),
  INT64(8),
  FLOAT64(8);

  private final int leastBytes;

  ValueType(int leastBytes) {
    this.leastBytes = leastBytes;
  }

  /** Bytes of a value; for a string or array, bytes of its length and element type alone. */
  int leastBytes() {
    return leastBytes;
  }

  /** Whether every value has {@link #leastBytes()}. */
  boolean fixed() {
    return this != STRING && this != ARRAY;
  }

  static Optional<ValueType> of(int id) {
    return id >= 0 && id < values().length ? Optional.of(values()[id]) : Optional.empty();
  }
}
