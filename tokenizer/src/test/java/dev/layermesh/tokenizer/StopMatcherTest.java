package dev.layermesh.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class StopMatcherTest {
  @Test
  void shouldPreferTheMatchThatCompletesFirstAndThenTheLongest() {
    assertThat(new StopMatcher(StopStrings.of("bcd", "c")).append("abcd")).isEqualTo("ab");
    assertThat(new StopMatcher(StopStrings.of("c", "bc")).append("abcd")).isEqualTo("a");
  }

  @Test
  void shouldHoldBackNoMoreThanABeginningOfAStopString() {
    StopMatcher matcher = new StopMatcher(StopStrings.of("aab"));
    assertThat(matcher.append("xaa")).isEqualTo("x");
    assertThat(matcher.append("a")).isEqualTo("a");
    assertThat(matcher.append("b!")).isEmpty();
    assertThat(matcher.stopped()).isTrue();
  }

  @Test
  void shouldCutTheSameHoweverTheTextIsCutIntoPieces() {
    Random random = new Random(5);
    for (int run = 0; run < 2_000; run++) {
      String text = letters(random, 1 + random.nextInt(30));
      List<String> stops = List.of(letters(random, 1 + random.nextInt(4)), letters(random, 2 + random.nextInt(4)));
      StopMatcher pieces = new StopMatcher(new StopStrings(stops));
      StringBuilder streamed = new StringBuilder();
      for (int at = 0; at < text.length() && !pieces.stopped();) {
        int to = Math.min(text.length(), at + 1 + random.nextInt(5));
        streamed.append(pieces.append(text.substring(at, to)));
        at = to;
      }
      assertThat(streamed.append(pieces.flush())).hasToString(cutByDefinition(text, stops));
    }
  }

  private static String cutByDefinition(String text, List<String> stops) {
    for (int end = 1; end <= text.length(); end++) {
      String head = text.substring(0, end);
      int longest = stops.stream().filter(head::endsWith).mapToInt(String::length).max().orElse(0);
      if (longest > 0) {
        return head.substring(0, end - longest);
      }
    }
    return text;
  }

  private static String letters(Random random, int length) {
    return random.ints(length, 'a', 'd').mapToObj(Character::toString).collect(Collectors.joining());
  }
}
