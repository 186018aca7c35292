package dev.layermesh.tokenizer;

import java.util.Comparator;
import java.util.Optional;

/**
 * Looks for stop strings in text that arrives in pieces. The match that completes first wins; of several that complete
 * together, the longest. So the outcome does not depend on how the text was cut into pieces. One stream owns it.
 */
final class StopMatcher {
  private final StopStrings stops;
  private final int longest;
  private final StringBuilder held = new StringBuilder(); // always a proper prefix of some stop string, after append
  private boolean stopped;

  StopMatcher(StopStrings stops) {
    this.stops = stops;
    this.longest = stops.texts().stream().mapToInt(String::length).max().orElse(0);
  }

  boolean stopped() {
    return stopped;
  }

  /** Takes the next piece of text; returns the text that cannot be part of a stop string. */
  String append(String piece) {
    if (stopped) {
      throw new IllegalStateException("text of " + piece.length() + " characters after a stop string");
    }
    int from = held.length();
    held.append(piece);
    for (int end = from + 1; end <= held.length(); end++) {
      Optional<String> match = stopEndingAt(end);
      if (match.isPresent()) {
        stopped = true;
        return take(end - match.get().length());
      }
    }
    return take(held.length() - possiblePrefix());
  }

  /** Ends the text: returns what was held back. */
  String flush() {
    return stopped ? "" : take(held.length());
  }

  private Optional<String> stopEndingAt(int end) {
    return stops.texts().stream()
        .filter(stop -> stop.length() <= end && held.indexOf(stop, end - stop.length()) == end - stop.length())
        .max(Comparator.comparingInt(String::length));
  }

  /** Length of the longest end of the held text that could be the beginning of a stop string. */
  private int possiblePrefix() {
    for (int length = Math.min(longest - 1, held.length()); length > 0; length--) {
      String end = held.substring(held.length() - length);
      if (stops.texts().stream().anyMatch(stop -> stop.length() > end.length() && stop.startsWith(end))) {
        return length;
      }
    }
    return 0;
  }

  private String take(int length) {
    String text = held.substring(0, length);
    held.delete(0, length);
    return text;
  }
}
