package dev.layermesh.mesh.membership;

import dev.layermesh.decoding.InputException;
import java.util.stream.IntStream;

/** The ports a node may listen on, both ends included; it takes the first one that is free. */
public record PortRange(int first, int last) {
  /** Hazelcast's own range, wide enough for twenty nodes on a machine. */
  public static final PortRange DEFAULT = new PortRange(5701, 5720);

  public PortRange {
    if (first < 1 || first > last || last > 65535) {
      throw InputException.of("ports", first + "-" + last, "must be a range within 1-65535");
    }
  }

  IntStream stream() {
    return IntStream.rangeClosed(first, last);
  }

  int size() {
    return last - first + 1;
  }

  @Override
  public String toString() {
    return first + "-" + last;
  }
}
