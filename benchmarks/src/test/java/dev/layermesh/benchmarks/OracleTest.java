package dev.layermesh.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.TokenIds;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class OracleTest {
  private static final TokenIds KNOWN = TokenIds.of(IntStream.range(0, 10_000).map(i -> i % 7).toArray());

  @Test
  void shouldBeRightAsOftenAsItIsToldToBe() {
    var oracle = new Oracle(KNOWN, 0.8, 3);
    long right = IntStream.range(0, KNOWN.length())
        .filter(position -> oracle.choose(new Distribution.Certain(0), position).id() == KNOWN.id(position))
        .count();
    assertThat((double) right / KNOWN.length()).isCloseTo(0.8, within(0.02)); // five standard deviations
  }
}
