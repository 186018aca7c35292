package dev.layermesh.tokenizer.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.loop.DecodeStats;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.tokenizer.TokenizerFiles;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class AnswerTextTest {
  private static final int VOCAB = 2048;
  private static TokenizerText model;

  @BeforeAll
  static void open() {
    Path bundled = Path.of(System.getProperty("layermesh.root"), "models", "layerskip-shakespeare");
    model = TokenizerText.open(TokenizerFiles.read(bundled), VOCAB);
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static TokenIds ids(String text) {
    TokenIds ids = model.encode(text);
    return ids.id(0) == 0 ? ids.slice(1, ids.length()) : ids; // without <|begin_of_text|>
  }

  @Test
  void shouldGiveTheTextOfEveryRoundAndCountAFinalEosWithoutText() {
    var answer = new AnswerText(model, model.eosIds(), List.of(), true);
    TokenIds hello = ids("Good morrow");
    TokenIds drafted = hello.concat(ids("!"));
    AnswerPiece first = answer.take(new Round(0, hello, drafted, hello.length()));
    assertThat(first.text()).isEqualTo("Good morrow");
    assertThat(first.ids()).isEqualTo(hello);
    AnswerPiece.Judged judged = first.judged().orElseThrow();
    assertThat(String.join("", judged.pieces())).isEqualTo("Good morrow");
    assertThat(judged.accepted()).isEqualTo(hello.length());
    assertThat(judged.rejected()).containsExactly("!");

    AnswerPiece last = answer.take(new Round(hello.length(), TokenIds.of(1), TokenIds.empty(), 0));
    assertThat(last.text()).isEmpty();
    assertThat(last.ids()).isEqualTo(TokenIds.of(1));
    assertThat(answer.finish().text()).isEmpty();
    assertThat(answer.text()).isEqualTo("Good morrow");
    assertThat(answer.ids()).isEqualTo(hello.concat(TokenIds.of(1)));
  }

  @Test
  void shouldEndBeforeAStopStringAndCountTheTokenThatCompletedIt() {
    var answer = new AnswerText(model, TokenIds.empty(), List.of("morrow"), false);
    TokenIds ids = ids("Good morrow, sweet lord");
    AnswerPiece piece = answer.take(new Round(0, ids, TokenIds.empty(), 0));
    assertThat(answer.stopped()).isTrue();
    assertThat(answer.text()).isEqualTo("Good ");
    assertThat(piece.judged()).isEmpty();
    assertThat(model.decode(answer.ids())).contains("morrow").doesNotContain("lord");
    assertThat(answer.length()).isLessThan(ids.length());
    assertThat(answer.take(new Round(ids.length(), ids, TokenIds.empty(), 0)).ids()).isEqualTo(TokenIds.empty());
    assertThat(answer.finish().text()).isEmpty();
  }

  @Test
  void shouldHoldNoMoreTokensThanItWasGivenOverManyRounds() {
    var answer = new AnswerText(model, TokenIds.empty(), List.of(), false);
    TokenIds ids = ids("the king ".repeat(100));
    for (int i = 0; i < ids.length(); i++) {
      answer.take(new Round(i, ids.slice(i, i + 1), TokenIds.empty(), 0));
    }
    answer.finish();
    assertThat(answer.ids()).isEqualTo(ids);
    assertThat(answer.text()).isEqualTo(model.decode(ids));
  }

  @Test
  void shouldRefuseAPromptWithAnIdOutsideTheVocabulary() {
    assertThat(model.encode(new Prompt.Ids(TokenIds.of(0, VOCAB - 1)), i -> "prompt[" + i + "]"))
        .isEqualTo(TokenIds.of(0, VOCAB - 1));
    assertThatThrownBy(() -> model.encode(new Prompt.Ids(TokenIds.of(0, VOCAB)), i -> "prompt[" + i + "]"))
        .isInstanceOfSatisfying(InputException.class, wrong -> assertThat(wrong.field()).isEqualTo("prompt[1]"))
        .hasMessage("prompt[1]=2048: must be between 0 and 2047: the vocabulary has 2048 ids");
  }

  @Test
  void shouldReadTheCountersItWrote() {
    var counters = GenerationCounters.of(
        new DecodeStats(4, 12, 9, 20, 21), 13, OptionalLong.of(2_000_000), 1_002_000_000);
    assertThat(counters.toMap()).containsExactly(
        Map.entry("rounds", 4), Map.entry("draft_tokens", 12L),
        Map.entry("accepted_tokens", 9L), Map.entry("acceptance_rate", 0.75),
        Map.entry("mean_acceptance_length", 3.25), Map.entry("early_layer_rows", 20L),
        Map.entry("late_layer_rows", 21L), Map.entry("ttft_ms", 2.0),
        Map.entry("tokens_per_second", 12.0));
    var map = counters.toMap();
    assertThat(GenerationCounters.read(name -> Optional.ofNullable(map.get(name)))).isEqualTo(counters);
    assertThat(GenerationCounters.read(name -> Optional.empty()).stats()).isEqualTo(DecodeStats.NONE);
    assertThat(GenerationCounters.of(DecodeStats.NONE, 0, OptionalLong.empty(), 5_000_000).toMap())
        .containsEntry("ttft_ms", 5.0).containsEntry("tokens_per_second", 0.0);
  }
}
