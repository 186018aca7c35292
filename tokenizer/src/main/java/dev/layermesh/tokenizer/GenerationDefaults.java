package dev.layermesh.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import dev.layermesh.decoding.AcceptanceRule;
import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.SamplingParams;
import java.util.ArrayList;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * The sampling values that a request leaves open and its model's author recommends: {@code temperature}, {@code top_k}
 * and {@code top_p} of {@code generation_config.json}. A request's own values are such a record too, and
 * {@link #or} fills in what it does not name. vLLM applies these three fields in the same way (its option
 * {@code --generation-config auto}), and like vLLM this ignores {@code do_sample}.
 *
 * @param temperature as in {@link SamplingParams#temperature()}
 * @param topK as in {@link SamplingParams#topK()}; 0 keeps all tokens
 * @param topP as in {@link SamplingParams#topP()}
 */
public record GenerationDefaults(OptionalDouble temperature, OptionalInt topK, OptionalDouble topP) {

  /** Names no value. */
  public static final GenerationDefaults NONE =
      new GenerationDefaults(OptionalDouble.empty(), OptionalInt.empty(), OptionalDouble.empty());

  /** Where a checkpoint keeps them. */
  public static final String FILE = "generation_config.json";

  /**
   * Checks the values that are named.
   *
   * @throws InputException naming the value that is out of range
   */
  public GenerationDefaults {
    new SamplingParams(temperature.orElse(0), topK.orElse(0), topP.orElse(1), 0, AcceptanceRule.SHARED_NOISE);
  }

  /**
   * Reads {@code generation_config.json}. A file that is absent names no value; {@code null} names none either, and
   * {@code top_k} -1 means 0, as in vLLM.
   *
   * @throws InputException naming file, field and value
   */
  public static GenerationDefaults of(TokenizerFiles files) {
    return files.find(FILE).map(bytes -> read(bytes, files.path(FILE))).orElse(NONE);
  }

  private static GenerationDefaults read(byte[] bytes, String source) {
    JsonNode json = Json.read(bytes, JsonNode.class, source);
    if (!json.isObject()) {
      throw InputException.in(source, "must hold a JSON object");
    }
    OptionalDouble temperature = number(json, "temperature", source);
    OptionalInt topK = topK(json, source);
    OptionalDouble topP = number(json, "top_p", source);
    try {
      return new GenerationDefaults(temperature, topK, topP);
    } catch (InputException wrong) {
      throw wrong.foundIn(source);
    }
  }

  private static OptionalDouble number(JsonNode json, String field, String source) {
    JsonNode value = json.path(field);
    if (value.isMissingNode() || value.isNull()) {
      return OptionalDouble.empty();
    }
    if (!value.isNumber()) {
      throw InputException.in(source, field, value, "must be a number");
    }
    return OptionalDouble.of(value.doubleValue());
  }

  private static OptionalInt topK(JsonNode json, String source) {
    OptionalDouble value = number(json, "top_k", source);
    if (value.isEmpty()) {
      return OptionalInt.empty();
    }
    int topK = (int) value.getAsDouble();
    if (topK != value.getAsDouble()) {
      throw InputException.in(source, "top_k", json.path("top_k"), "must be a whole number of 31 bits");
    }
    return OptionalInt.of(topK == -1 ? 0 : topK);
  }

  /** These values; where one is not named, that of {@code next}. */
  public GenerationDefaults or(GenerationDefaults next) {
    return new GenerationDefaults(
        temperature.isPresent() ? temperature : next.temperature,
        topK.isPresent() ? topK : next.topK,
        topP.isPresent() ? topP : next.topP);
  }

  /** Sampling with these values: {@code temperature} where none is named, and no filter that is not named. */
  public SamplingParams sampling(double temperature, long seed, AcceptanceRule acceptance) {
    return new SamplingParams(this.temperature.orElse(temperature), topK.orElse(0), topP.orElse(1), seed, acceptance);
  }

  /** What is named, as in {@code temperature 0.6, top_p 0.9}; empty when nothing is. */
  public Optional<String> describe() {
    var named = new ArrayList<String>();
    temperature.ifPresent(value -> named.add("temperature " + value));
    topK.ifPresent(value -> named.add("top_k " + value));
    topP.ifPresent(value -> named.add("top_p " + value));
    return named.isEmpty() ? Optional.empty() : Optional.of(String.join(", ", named));
  }
}
