package dev.layermesh.mesh.transport;

import java.util.LinkedHashMap;
import java.util.Map;

/** A map of at most {@code limit} entries; a further one evicts the entry put first. Not thread-safe. */
final class EvictingMap<K, V> extends LinkedHashMap<K, V> {
  private static final long serialVersionUID = 1L;

  private final int limit;

  EvictingMap(int limit) {
    this.limit = limit;
  }

  @Override
  protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
    return size() > limit;
  }
}
