package dev.layermesh.benchmarks;

import java.util.List;
import java.util.Locale;

/** Formats a few measurements: the median, the least and the most. */
final class Medians {
  private Medians() {}

  static double median(List<Double> values) {
    List<Double> sorted = values.stream().sorted().toList();
    int middle = sorted.size() / 2;
    return sorted.size() % 2 == 1 ? sorted.get(middle) : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
  }

  /** {@code median (least–most)}. */
  static String spread(List<Double> values) {
    double least = values.stream().mapToDouble(Double::doubleValue).min().orElseThrow();
    double most = values.stream().mapToDouble(Double::doubleValue).max().orElseThrow();
    return String.format(Locale.ROOT, "%.2f (%.2f–%.2f)", median(values), least, most);
  }
}
