package dev.layermesh.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.tokenizer.StreamingDetokenizer.Piece;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@Timeout(60)
class StreamingDetokenizerTest {
  /** All pieces of a stream, checked one by one. */
  private static String stream(Tokenizer tokenizer, TokenIds ids, Random chunks, int longestChunk) {
    StreamingDetokenizer stream = tokenizer.stream(StopStrings.none());
    StringBuilder text = new StringBuilder();
    for (int at = 0; at < ids.length();) {
      int to = Math.min(ids.length(), at + 1 + chunks.nextInt(longestChunk));
      Piece piece = stream.push(ids.slice(at, to));
      assertThat(piece.tokens()).isEqualTo(to - at);
      assertThat(piece.stopped()).isFalse();
      text.append(piece.text());
      at = to;
    }
    Piece rest = stream.flush();
    assertThat(rest.tokens()).isZero();
    return text.append(rest.text()).toString();
  }

  private static void assertStreamsAsDecoded(Tokenizer tokenizer, TokenIds ids) {
    String whole = tokenizer.decode(ids);
    assertThat(stream(tokenizer, ids, new Random(1), 1)).as("token by token: %s", ids).isEqualTo(whole);
    assertThat(stream(tokenizer, ids, new Random(2), 7)).as("in chunks: %s", ids).isEqualTo(whole);
  }

  @ParameterizedTest
  @MethodSource("dev.layermesh.tokenizer.Fixtures#checkpoints")
  void shouldStreamEveryReferenceAnswerAsItIsDecodedAtOnce(Path checkpoint) {
    try (Tokenizer tokenizer = Tokenizer.open(TokenizerFiles.read(checkpoint))) {
      Fixtures.goldenCases(checkpoint).forEach(golden -> {
        TokenIds ids = Fixtures.ids(golden.get("greedy_ids"));
        assertStreamsAsDecoded(tokenizer, ids);
        assertThat(stream(tokenizer, ids, new Random(3), 5)).isEqualTo(golden.get("greedy_text").textValue());
        assertStreamsAsDecoded(tokenizer, Fixtures.ids(golden.get("prompt_ids")));
      });
    }
  }

  @ParameterizedTest
  @MethodSource("dev.layermesh.tokenizer.Fixtures#checkpoints")
  void shouldStreamRandomIdsAsTheyAreDecodedAtOnce(Path checkpoint) {
    Random random = new Random(7);
    try (Tokenizer tokenizer = Tokenizer.open(TokenizerFiles.read(checkpoint))) {
      int[] bounds = {tokenizer.vocabSize() + 5, 260, 300};
      for (int run = 0; run < 300; run++) {
        int bound = bounds[run % bounds.length]; // the low ids are special tokens and single bytes: mostly no UTF-8
        assertStreamsAsDecoded(tokenizer, TokenIds.of(random.ints(1 + random.nextInt(80), 0, bound).toArray()));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("dev.layermesh.tokenizer.Fixtures#checkpoints")
  void shouldNeverEmitHalfACharacter(Path checkpoint) {
    String text = "né 🙂👩‍👩‍👧中文 ok";
    try (Tokenizer tokenizer = Tokenizer.open(TokenizerFiles.read(checkpoint))) {
      TokenIds ids = tokenizer.encode(text);
      StreamingDetokenizer stream = tokenizer.stream(StopStrings.none());
      StringBuilder soFar = new StringBuilder();
      for (int i = 0; i < ids.length(); i++) {
        String piece = stream.push(ids.slice(i, i + 1)).text();
        assertThat(piece).doesNotContain("\uFFFD");
        assertThat(text).startsWith(soFar.append(piece));
      }
      assertThat(soFar.append(stream.flush().text())).hasToString(text);
    }
  }

  @Test
  void shouldEmitUnfinishedCharactersAsTheDecoderDoesWhenTheStreamEnds() {
    try (Tokenizer tokenizer = Tokenizer.open(TokenizerFiles.read(Fixtures.SHAKESPEARE))) {
      TokenIds whole = tokenizer.encode("a🙂");
      TokenIds cut = whole.slice(0, whole.length() - 1);
      StreamingDetokenizer stream = tokenizer.stream(StopStrings.none());
      assertThat(stream.push(cut).text()).isEqualTo("a");
      assertThat(stream.flush().text()).isEqualTo("\uFFFD");
    }
  }

  @Test
  void shouldKeepTheSpaceBetweenWordsAfterAStreamBeginsWithSpecialTokens() {
    try (Tokenizer tokenizer = Tokenizer.open(TokenizerFiles.read(Fixtures.LLAMA2))) {
      TokenIds word = tokenizer.encodeRendered("hear");
      TokenIds ids = TokenIds.of(1, 2).concat(word).concat(TokenIds.of(2)).concat(word);
      assertThat(tokenizer.decode(ids)).isEqualTo("hear hear");
      assertStreamsAsDecoded(tokenizer, ids);
    }
  }

  @Test
  void shouldDecodeALongStreamInLinearTime() {
    try (Tokenizer tokenizer = Tokenizer.open(TokenizerFiles.read(Fixtures.LLAMA3))) {
      int[] invalid = new int[20_000];
      Arrays.fill(invalid, 116); // one byte that is never UTF-8: no text ever becomes final by itself
      long start = System.nanoTime();
      assertThat(stream(tokenizer, TokenIds.of(invalid), new Random(1), 1)).hasSize(20_000);
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(20));
    }
  }

  @Test
  void shouldCutBeforeAStopStringThatSpansPushesAndCountTheTokenThatCompletedIt() {
    try (Tokenizer tokenizer = Tokenizer.open(TokenizerFiles.read(Fixtures.SHAKESPEARE))) {
      TokenIds ids = tokenizer.encode("I am\n\nROMEO: more");
      int completing = 0;
      while (!tokenizer.decode(ids.slice(0, completing)).contains("\n\nROMEO:")) {
        completing++;
      }
      for (int chunk = 1; chunk <= ids.length(); chunk++) {
        StreamingDetokenizer stream = tokenizer.stream(StopStrings.of("XYZ", "\n\nROMEO:"));
        StringBuilder text = new StringBuilder();
        int tokens = 0;
        for (int at = 0; at < ids.length(); at += chunk) {
          Piece piece = stream.push(ids.slice(at, Math.min(ids.length(), at + chunk)));
          text.append(piece.text());
          tokens += piece.tokens();
          assertThat(piece.stopped()).isEqualTo(at + chunk >= completing);
        }
        assertThat(stream.flush()).isEqualTo(new Piece("", 0, true));
        assertThat(text).hasToString("I am");
        assertThat(tokens).isEqualTo(completing);
      }
    }
  }

  @Test
  void shouldReleaseTheBeginningOfAStopStringThatIsNotCompleted() {
    try (Tokenizer tokenizer = Tokenizer.open(TokenizerFiles.read(Fixtures.SHAKESPEARE))) {
      StreamingDetokenizer stream = tokenizer.stream(StopStrings.of("am not"));
      assertThat(stream.push(tokenizer.encode("I am")).text()).isEqualTo("I ");
      assertThat(stream.push(tokenizer.encode(" here, am")).text()).isEqualTo("am here, ");
      assertThat(stream.flush()).isEqualTo(new Piece("am", 0, false));
    }
  }

  @Test
  void shouldFindAStopStringThatAppearsOnlyWhenARunOfBytesEnds() {
    try (Tokenizer tokenizer = Tokenizer.open(TokenizerFiles.read(Fixtures.LLAMA2))) {
      TokenIds ids = tokenizer.encodeRendered("a🙂");
      StreamingDetokenizer stream = tokenizer.stream(StopStrings.of("🙂"));
      assertThat(stream.push(ids)).isEqualTo(new Piece("a", ids.length(), false));
      assertThat(stream.flush()).isEqualTo(new Piece("", 0, true));
    }
  }

  @Test
  void shouldRefuseAnEmptyStopString() {
    assertThatThrownBy(() -> StopStrings.of("a", "")).isInstanceOf(InputException.class)
        .hasMessage("stop[1]=\"\": a stop string has at least one character");
  }
}
