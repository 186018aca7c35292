package dev.layermesh.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.TokenIds;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class KitTest {

  @Test
  void shouldNameTheFirstPositionThatDiffersAndShowItsSurroundings() {
    Lossless.assertSameTokens(TokenIds.of(1, 2, 3), TokenIds.of(1, 2, 3));
    assertThatThrownBy(() -> Lossless.assertSameTokens(TokenIds.of(1, 2, 3, 4), TokenIds.of(1, 2, 9, 4)))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("position 2 of 4 expected, 4 actual")
        .hasMessageContaining("expected 1 2 [3] 4")
        .hasMessageContaining("actual   1 2 [9] 4");
  }

  @Test
  void shouldNotTakeAPrefixForTheWhole() {
    assertThatThrownBy(() -> Lossless.assertSameTokens(TokenIds.of(1, 2), TokenIds.of(1)))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("position 1 of 2 expected, 1 actual")
        .hasMessageContaining("1 [end]");
    assertThatThrownBy(() -> Lossless.assertSameTokens(TokenIds.of(1), TokenIds.of(1, 2)))
        .isInstanceOf(AssertionError.class);
  }

  @Test
  void shouldReturnAsSoonAsTheConditionHoldsAndFailAtTheDeadline() {
    var looks = new AtomicInteger();
    Await.until("three looks", Duration.ofSeconds(10), () -> looks.incrementAndGet() == 3);
    assertThat(looks).hasValue(3);
    assertThatThrownBy(() -> Await.until("pigs fly", Duration.ofMillis(5), () -> false))
        .isInstanceOf(AssertionError.class)
        .hasMessage("not within 5 ms: pigs fly");
  }

  @Test
  void shouldReadEveryGoldenReference() {
    for (Path checkpoint : Fixtures.checkpoints()) {
      for (var golden : Fixtures.golden(checkpoint).cases()) {
        assertThat(golden.prompt()).isNotEmpty();
        assertThat(golden.greedyText()).isNotEmpty();
        assertThat(golden.greedyIds().length()).isPositive();
        assertThat(golden.smallestTop2Margin()).isPositive();
        assertThat(golden.lastLogits()).hasSize(16);
        assertThat(golden.exitArgmax()).allMatch(exit -> exit.length() == golden.promptIds().length());
        var wholeModel = golden.exitArgmax().getLast();
        assertThat(golden.lastLogits().getFirst().id()).isEqualTo(wholeModel.id(wholeModel.length() - 1));
      }
    }
    assertThat(Fixtures.tinyShakespeare()).startsWith("First Citizen:");
    assertThat(Fixtures.chatTemplates()).isRegularFile();
  }

  @Test
  void shouldContinueGreedilyFromTheReferencesOwnLogits() {
    for (Path checkpoint : Fixtures.checkpoints()) {
      for (var golden : Fixtures.golden(checkpoint).cases()) {
        assertThat(golden.greedyIds().id(0)).isEqualTo(golden.lastLogits().getFirst().id());
      }
    }
  }

  @Test
  void shouldThrowAndNotSkipWhenAFixtureIsMissing() {
    assertThatThrownBy(() -> Fixtures.path("testkit/fixtures/nothing-here"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageEndingWith("nothing-here is missing");
    assertThatThrownBy(() -> Fixtures.golden(Fixtures.root().resolve("testkit")))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("golden.json is missing");
  }
}
