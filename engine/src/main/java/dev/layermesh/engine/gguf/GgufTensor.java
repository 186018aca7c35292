package dev.layermesh.engine.gguf;

import java.util.List;

/**
 * Where a tensor lies in a GGUF file.
 *
 * @param type of all its weights
 * @param shape as other formats count it, the length of a row last: the reverse of the file's dimensions
 * @param begin first byte, from the start of the file
 * @param end after the last byte
 */
public record GgufTensor(String name, GgmlType type, List<Long> shape, long begin, long end) {
  public GgufTensor {
    shape = List.copyOf(shape);
  }
}
