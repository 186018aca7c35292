package dev.layermesh.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class TokenizerTest {
  @ParameterizedTest
  @MethodSource("dev.layermesh.tokenizer.Fixtures#checkpoints")
  void shouldEncodePromptsAndDecodeAnswersAsTheReferenceDoes(Path checkpoint) {
    try (Tokenizer tokenizer = Tokenizer.open(TokenizerFiles.read(checkpoint))) {
      assertThat(Fixtures.goldenCases(checkpoint)).isNotEmpty().allSatisfy(golden -> {
        assertThat(tokenizer.encode(golden.get("prompt").textValue()))
            .isEqualTo(Fixtures.ids(golden.get("prompt_ids")));
        assertThat(tokenizer.decode(Fixtures.ids(golden.get("greedy_ids"))))
            .isEqualTo(golden.get("greedy_text").textValue());
      });
    }
  }

  @Test
  void shouldNotAddASecondBeginOfTextToARenderedTemplate() {
    try (Tokenizer tokenizer = Tokenizer.open(TokenizerFiles.read(Fixtures.LLAMA3))) {
      TokenIds prompt = tokenizer.encode("hear me");
      assertThat(prompt.id(0)).isZero();
      assertThat(tokenizer.encodeRendered("hear me")).isEqualTo(prompt.slice(1, prompt.length()));
      assertThat(tokenizer.encodeRendered("<|begin_of_text|>hear me")).isEqualTo(prompt);
    }
  }

  @ParameterizedTest
  @CsvSource({
      "LlamaTokenizer, true, true, 0 t 2", "LlamaTokenizerFast, false, false, t", "GemmaTokenizer, false, true, t 2",
      "LlamaTokenizerFast, , true, 0 t 2", "LlamaTokenizerFast, true, , 0 t", "CodeLlamaTokenizerFast, false, , t",
      "PreTrainedTokenizerFast, false, true, 0 t", "LlamaTokenizer, , , 0 t"
  })
  void shouldObeyAddBosAndAddEosForTheClassesThatDo(String type, Boolean bos, Boolean eos, String expected) {
    Map<String, Object> config = new HashMap<>(Map.of("tokenizer_class", type,
        "bos_token", "<|begin_of_text|>", "eos_token", Map.of("content", "<|eot_id|>")));
    Optional.ofNullable(bos).ifPresent(flag -> config.put("add_bos_token", flag));
    Optional.ofNullable(eos).ifPresent(flag -> config.put("add_eos_token", flag));
    Map<String, byte[]> files = new HashMap<>(TokenizerFiles.read(Fixtures.LLAMA3).content());
    files.put("tokenizer_config.json", Fixtures.utf8(Json.write(config)));
    try (Tokenizer tokenizer = Tokenizer.open(new TokenizerFiles("memory", files))) {
      String ids = tokenizer.encode("hear me").toString();
      String text = tokenizer.encodeRendered("hear me").toString().replaceAll("[\\[\\]]", "");
      String eot = tokenizer.encodeRendered("<|eot_id|>").toString().replaceAll("[\\[\\]]", "");
      assertThat(ids).isEqualTo("[" + expected.replace(" ", ", ").replace("2", eot).replace("t", text) + "]");
    }
  }

  @Test
  void shouldRefuseToAddATokenThatHasNoId() {
    Map<String, byte[]> files = new HashMap<>(TokenizerFiles.read(Fixtures.LLAMA3).content());
    files.put("tokenizer_config.json", Fixtures.utf8(
        "{\"tokenizer_class\": \"LlamaTokenizer\", \"add_bos_token\": true, \"bos_token\": \"<none>\"}"));
    assertThatThrownBy(() -> Tokenizer.open(new TokenizerFiles("memory", files)))
        .isInstanceOf(InputException.class).hasMessageStartingWith("memory/tokenizer.json: token=<none>: missing");
  }

  @Test
  void shouldSkipSpecialTokensUnlessAskedForThem() {
    try (Tokenizer tokenizer = Tokenizer.open(TokenizerFiles.read(Fixtures.LLAMA3))) {
      TokenIds ids = tokenizer.encode("hear me<|eot_id|>");
      assertThat(tokenizer.decode(ids)).isEqualTo("hear me");
      assertThat(tokenizer.decodeWithSpecialTokens(ids)).isEqualTo("<|begin_of_text|>hear me<|eot_id|>");
    }
  }

  @ParameterizedTest
  @MethodSource("dev.layermesh.tokenizer.Fixtures#checkpoints")
  void shouldDecodeToTheTextThatWasEncoded(Path checkpoint) {
    String text = "Größe \"çà\" 🙂👩‍👩‍👧 \u0000\t中文\r\n  end";
    try (Tokenizer tokenizer = Tokenizer.open(TokenizerFiles.read(checkpoint))) {
      assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text);
    }
  }

  @Test
  void shouldTakeHalfASurrogatePairForAReplacementCharacter() {
    try (Tokenizer tokenizer = Tokenizer.open(TokenizerFiles.read(Fixtures.SHAKESPEARE))) {
      assertThat(tokenizer.encode("a\uD83Db")).isEqualTo(tokenizer.encode("a\uFFFDb"));
    }
  }

  @ParameterizedTest
  @MethodSource("dev.layermesh.tokenizer.Fixtures#checkpoints")
  void shouldFitTheModelItCameWithAndNoSmallerOne(Path checkpoint) {
    JsonNode config = Fixtures.json(checkpoint.resolve("config.json"));
    int modelVocabSize = config.get("vocab_size").intValue();
    try (Tokenizer tokenizer = Tokenizer.open(TokenizerFiles.read(checkpoint))) {
      tokenizer.requireFits(modelVocabSize);
      assertThat(tokenizer.vocabSize()).isEqualTo(modelVocabSize);
      assertThatThrownBy(() -> tokenizer.requireFits(modelVocabSize - 1))
          .isInstanceOf(InputException.class)
          .hasMessage(checkpoint.resolve("tokenizer.json") + ": highest id=" + (modelVocabSize - 1)
              + ": outside the model's vocabulary; ids must be below vocab_size=" + (modelVocabSize - 1)
              + " of config.json");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {
      "", "null", "[]", "{}", "{\"model\":{\"vocab\":[]}}", "{\"model\":{\"vocab\":{\"a\":-1}}}",
      "{\"model\":{\"vocab\":{\"a\":2000000000}}}", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0}}}",
      "{\"version\":\"1.0\",\"added_tokens\":[null],\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}",
      "{\"version\":\"1.0\",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a zz\"]}}",
      "{\"version\":\"1.0\",\"model\":{\"type\":\"Nonsense\",\"vocab\":{\"a\":0},\"merges\":[]}}", "\u0000\u0001binary"
  })
  void shouldRefuseADamagedFileInOneLine(String content) {
    assertThatThrownBy(() -> Tokenizer.open(Fixtures.files("tokenizer.json", content)))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith("memory/tokenizer.json: ")
        .message().hasLineCount(1);
  }

  @Test
  void shouldRefuseATruncatedFileInOneLine() throws IOException {
    byte[] whole = Files.readAllBytes(Fixtures.LLAMA2.resolve("tokenizer.json"));
    byte[] half = Arrays.copyOf(whole, whole.length / 2);
    assertThatThrownBy(() -> Tokenizer.open(new TokenizerFiles("memory", Map.of("tokenizer.json", half))))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith("memory/tokenizer.json: not valid: ")
        .message().hasLineCount(1);
  }

  @Test
  void shouldNameTheFileThatIsMissing(@TempDir Path empty) {
    assertThatThrownBy(() -> Tokenizer.open(TokenizerFiles.read(empty)))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith(empty.resolve("tokenizer.json") + ": missing");
    assertThatThrownBy(() -> TokenizerFiles.read(empty.resolve("none")))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith(empty.resolve("none") + ": not a checkpoint folder");
  }
}
