package dev.layermesh.tokenizer.jinja.python;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Sorts as Python does: stable, and by nothing but {@code <}, which need not be a total order. */
public final class Sorting {
  private Sorting() {}

  /** Sorts items by a key, which is computed once for each. */
  public static <T> void sort(List<T> items, Function<T, Value> key, Budget budget) {
    budget.items(2L * items.size());
    var keyed = new ArrayList<Keyed<T>>(items.size());
    items.forEach(item -> keyed.add(new Keyed<>(key.apply(item), item)));
    List<Keyed<T>> sorted = sorted(keyed, budget);
    for (int i = 0; i < items.size(); i++) {
      items.set(i, sorted.get(i).item);
    }
  }

  private record Keyed<T>(Value key, T item) {}

  private static <T> List<Keyed<T>> sorted(List<Keyed<T>> items, Budget budget) {
    if (items.size() < 2) {
      return items;
    }
    int middle = items.size() / 2;
    List<Keyed<T>> left = sorted(items.subList(0, middle), budget);
    List<Keyed<T>> right = sorted(items.subList(middle, items.size()), budget);
    var merged = new ArrayList<Keyed<T>>(items.size());
    int l = 0;
    int r = 0;
    while (l < left.size() && r < right.size()) {
      boolean takeRight =
          Operators.compare(Operators.Comparison.LESS, right.get(r).key, left.get(l).key, budget);
      merged.add(takeRight ? right.get(r++) : left.get(l++));
    }
    merged.addAll(left.subList(l, left.size()));
    merged.addAll(right.subList(r, right.size()));
    return merged;
  }
}
