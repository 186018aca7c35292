package dev.layermesh.engine.gguf;

import java.util.List;

/**
 * The place of a tensor in a GGUF file.
 *
 * @param type of all its weights
 * @param shape the length of a row last, as in other formats: the reverse of the file's dimensions
 * @param begin first byte, from the start of the file
 * @param end after the last byte
 */
public record GgufTensor(String name, GgmlType type, List<Long> shape, long begin, long end) {
  public GgufTensor {
    shape = List.copyOf(shape);
  }
}
