package dev.layermesh.cli.options;

import dev.layermesh.decoding.InputException;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Sizes as options write them: bytes, or with k, m or g for powers of 1024. */
final class MemorySize {
  private static final Pattern FORM = Pattern.compile("(\\d{1,15})([kmg]?)");

  private MemorySize() {}

  /** Bytes of {@code text}, the value of {@code option}. */
  static long parse(String option, String text) {
    Matcher size = FORM.matcher(text.toLowerCase(Locale.ROOT));
    Optional<Long> bytes = size.matches() ? bytes(Long.parseLong(size.group(1)), size.group(2)) : Optional.empty();
    return bytes.filter(positive -> positive > 0).orElseThrow(() -> InputException.of(
        option, text, "must be a size in bytes, or with k, m or g behind it, as in 512m or 2g"));
  }

  private static Optional<Long> bytes(long count, String unit) {
    long size = switch (unit) {
      case "k" -> 1L << 10;
      case "m" -> 1L << 20;
      case "g" -> 1L << 30;
      default -> 1;
    };
    return count > Long.MAX_VALUE / size ? Optional.empty() : Optional.of(count * size);
  }
}
