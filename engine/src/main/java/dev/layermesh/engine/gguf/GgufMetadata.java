package dev.layermesh.engine.gguf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.layermesh.decoding.InputException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;

/**
 * The metadata of a GGUF file, typed. Every refusal is an {@link InputException} naming file, key and value. A value
 * is decoded at each call. Immutable, any thread, as long as the file is mapped.
 */
public final class GgufMetadata {
  static final int MOST_KEYS = 1 << 16; // real files have dozens
  private static final int MOST_KEY_BYTES = (1 << 16) - 1; // of the specification
  private static final int MOST_DEPTH = 4; // of arrays in arrays; real files have none
  private static final int MOST_TEXT_BYTES = 64 << 20;
  private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LITTLE);
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(LITTLE);
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LITTLE);
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LITTLE);
  private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(LITTLE);

  /**
   * A value in the file.
   *
   * @param type of the value, or of the elements of an array
   * @param array whether it is an array
   * @param count of the elements; 1 for a value
   * @param bytes of the value or of all elements; the length precedes each string
   */
  private record Value(ValueType type, boolean array, long count, MemorySegment bytes) {}

  private final Path file;
  private final Map<String, Value> values;

  private GgufMetadata(Path file, Map<String, Value> values) {
    this.file = file;
    this.values = values;
  }

  /** Reads the keys and checks that every length stays within the file. */
  static GgufMetadata read(Path file, Cursor cursor, long count) {
    Map<String, Value> values = new LinkedHashMap<>();
    for (int i = 0; i < count; i++) {
      String key = cursor.name("metadata[" + i + "].key", MOST_KEY_BYTES);
      if (values.put(key, value(file, cursor, key)) != null) {
        throw InputException.in(file, "metadata[" + i + "].key", key, "appears twice");
      }
    }
    return new GgufMetadata(file, values);
  }

  private static Value value(Path file, Cursor cursor, String key) {
    ValueType type = type(file, key + ".type", cursor.word(key + ".type"));
    if (type != ValueType.ARRAY) {
      return new Value(type, false, 1, pass(file, cursor, key, type, 1, 0));
    }
    ValueType elements = type(file, key + ".element type", cursor.word(key + ".element type"));
    long count = count(cursor, key, elements);
    return new Value(elements, true, count, pass(file, cursor, key, elements, count, 1));
  }

  private static ValueType type(Path file, String field, int id) {
    return ValueType.of(id).orElseThrow(() -> InputException.in(file, field, Integer.toUnsignedString(id),
        "must be a type of metadata, 0 to " + (ValueType.values().length - 1)));
  }

  private static long count(Cursor cursor, String key, ValueType elements) {
    return cursor.count(key + ".length", Math.max(0, cursor.left() - Long.BYTES) / elements.leastBytes());
  }

  /** Skips values of a type, reading only their lengths; returns their bytes. */
  private static MemorySegment pass(Path file, Cursor cursor, String key, ValueType type, long count, int depth) {
    long begin = cursor.at();
    if (type.fixed()) {
      return cursor.take(key, count * type.leastBytes());
    }
    if (depth > MOST_DEPTH) {
      throw InputException.in(file, key, "arrays in arrays", "must not be deeper than " + MOST_DEPTH);
    }
    for (long i = 0; i < count; i++) {
      if (type == ValueType.STRING) {
        cursor.take(key, cursor.count(key + ".length", Math.max(0, cursor.left() - Long.BYTES)));
      } else {
        ValueType elements = type(file, key + ".element type", cursor.word(key + ".element type"));
        pass(file, cursor, key, elements, count(cursor, key, elements), depth + 1);
      }
    }
    return cursor.since(begin);
  }

  /** All keys, in the order of the file. */
  public Set<String> keys() {
    return values.keySet();
  }

  /** Whether the file has a value for {@code key}. */
  public boolean has(String key) {
    return values.containsKey(key);
  }

  /** A required whole number of 32 bits, stored in any integer type. */
  public int integer(String key) {
    return optionalInteger(key).orElseThrow(() -> wrong(key, "must be a whole number"));
  }

  /** A whole number of 32 bits, if the key is present. */
  public OptionalInt optionalInteger(String key) {
    if (!has(key)) {
      return OptionalInt.empty();
    }
    long whole = wholes(key, scalar(key), "must be a whole number")[0];
    if (whole != (int) whole) {
      throw wrong(key, "must be a whole number of at most 31 bits");
    }
    return OptionalInt.of((int) whole);
  }

  /** A finite number, if the key is present. */
  public OptionalDouble optionalNumber(String key) {
    if (!has(key)) {
      return OptionalDouble.empty();
    }
    Value value = scalar(key);
    double number = switch (value.type) {
      case FLOAT32 -> value.bytes.get(FLOAT, 0);
      case FLOAT64 -> value.bytes.get(DOUBLE, 0);
      default -> wholes(key, value, "must be a number")[0];
    };
    if (!Double.isFinite(number)) {
      throw wrong(key, "must be a finite number");
    }
    return OptionalDouble.of(number);
  }

  /** A truth value, if the key is present. */
  public Optional<Boolean> optionalFlag(String key) {
    if (!has(key)) {
      return Optional.empty();
    }
    Value value = scalar(key);
    if (value.type != ValueType.BOOL || (value.bytes.get(JAVA_BYTE, 0) & ~1) != 0) {
      throw wrong(key, "must be a truth value, 0 or 1");
    }
    return Optional.of(value.bytes.get(JAVA_BYTE, 0) == 1);
  }

  /** A required string. */
  public String text(String key) {
    return optionalText(key).orElseThrow(() -> wrong(key, "must be a string"));
  }

  /** A string, if the key is present. */
  public Optional<String> optionalText(String key) {
    if (!has(key)) {
      return Optional.empty();
    }
    Value value = scalar(key);
    if (value.type != ValueType.STRING) {
      throw wrong(key, "must be a string");
    }
    return Optional.of(texts(key, value).getFirst());
  }

  /** The number of elements of a required list. */
  public int length(String key) {
    return (int) array(key, "must be a list", Integer.MAX_VALUE).count;
  }

  /**
   * A required list of strings.
   *
   * @param most strings allowed
   */
  public List<String> texts(String key, int most) {
    return texts(key, array(key, "must be a list of strings", most));
  }

  /**
   * A required list of whole numbers of 32 bits.
   *
   * @param most numbers allowed
   */
  public int[] integers(String key, int most) {
    Value value = array(key, "must be a list of whole numbers", most);
    long[] wholes = wholes(key, value, "must be a list of whole numbers");
    int[] integers = new int[wholes.length];
    for (int i = 0; i < integers.length; i++) {
      integers[i] = (int) wholes[i];
      if (integers[i] != wholes[i]) {
        throw wrong(key, i, wholes[i], "must be a whole number of at most 31 bits");
      }
    }
    return integers;
  }

  /**
   * A required list of numbers of type float32.
   *
   * @param most numbers allowed
   */
  public float[] numbers(String key, int most) {
    Value value = array(key, "must be a list of float32 numbers", most);
    if (value.type != ValueType.FLOAT32) {
      throw wrong(key, "must be a list of float32 numbers");
    }
    return value.bytes.toArray(FLOAT);
  }

  /** The refusal of an element of a list. */
  public InputException wrong(String key, int index, Object element, String problem) {
    return InputException.in(file, key + "[" + index + "]", element, problem);
  }

  /** The refusal of {@code key}, with its value as the file has it. */
  public InputException wrong(String key, String problem) {
    return InputException.in(file, key, has(key) ? shown(key, values.get(key)) : "absent", problem);
  }

  private Value scalar(String key) {
    Value value = values.get(key);
    if (value.array) {
      throw wrong(key, "must be one value, not a list");
    }
    return value;
  }

  private Value array(String key, String problem, int most) {
    if (!has(key) || !values.get(key).array) {
      throw wrong(key, problem);
    }
    if (values.get(key).count > most) {
      throw InputException.in(file, key + ".length", values.get(key).count, "must be at most " + most);
    }
    return values.get(key);
  }

  /** The values of any integral type; unsigned numbers of 64 bits are read as signed. */
  private long[] wholes(String key, Value value, String problem) {
    long[] wholes = new long[Math.toIntExact(value.count)];
    for (int i = 0; i < wholes.length; i++) {
      long at = (long) i * value.type.leastBytes();
      wholes[i] = switch (value.type) {
        case UINT8 -> value.bytes.get(JAVA_BYTE, at) & 0xff;
        case INT8 -> value.bytes.get(JAVA_BYTE, at);
        case UINT16 -> value.bytes.get(SHORT, at) & 0xffff;
        case INT16 -> value.bytes.get(SHORT, at);
        case UINT32 -> Integer.toUnsignedLong(value.bytes.get(INT, at));
        case INT32 -> value.bytes.get(INT, at);
        case UINT64, INT64 -> value.bytes.get(LONG, at);
        case FLOAT32, FLOAT64, BOOL, STRING, ARRAY -> throw wrong(key, problem);
      };
    }
    return wholes;
  }

  private List<String> texts(String key, Value value) {
    if (value.type != ValueType.STRING) {
      throw wrong(key, "must be a list of strings");
    }
    List<String> texts = new ArrayList<>();
    var cursor = new Cursor(file, value.bytes);
    for (int i = 0; i < value.count; i++) {
      String field = value.array ? key + "[" + i + "]" : key;
      texts.add(cursor.text(field, cursor.count(field + ".length", MOST_TEXT_BYTES)));
    }
    return texts;
  }

  private static String shown(String key, Value value) {
    if (value.array) {
      return "a list of " + value.count + " " + value.type;
    }
    return switch (value.type) {
      case FLOAT32 -> String.valueOf(value.bytes.get(FLOAT, 0));
      case FLOAT64 -> String.valueOf(value.bytes.get(DOUBLE, 0));
      case BOOL, UINT8 -> String.valueOf(value.bytes.get(JAVA_BYTE, 0) & 0xff);
      case INT8 -> String.valueOf(value.bytes.get(JAVA_BYTE, 0));
      case UINT16 -> String.valueOf(value.bytes.get(SHORT, 0) & 0xffff);
      case INT16 -> String.valueOf(value.bytes.get(SHORT, 0));
      case UINT32 -> Integer.toUnsignedString(value.bytes.get(INT, 0));
      case INT32 -> String.valueOf(value.bytes.get(INT, 0));
      case UINT64 -> Long.toUnsignedString(value.bytes.get(LONG, 0));
      case INT64 -> String.valueOf(value.bytes.get(LONG, 0));
      case STRING -> Cursor.shortened(value.bytes.asSlice(Long.BYTES));
      case ARRAY -> throw new IllegalStateException(key + ": an array that is none");
    };
  }
}
