package dev.layermesh.cli.complete;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.loop.DecodeStats;
import dev.layermesh.tokenizer.text.GenerationCounters;

/**
 * A completion that has ended.
 *
 * @param promptIds tokens of the prompt
 * @param tokenIds tokens after it, a final end-of-sequence token included
 * @param text of the tokens, without special ones
 * @param finishReason {@code stop}, {@code length} or {@code cancelled}
 * @param seed that decided the sampling
 * @param counters of the session; its time begins when the model is loaded
 */
public record Completion(
    TokenIds promptIds,
    TokenIds tokenIds,
    String text,
    String finishReason,
    long seed,
    GenerationCounters counters) {

  /** Counters of the session alone. */
  public DecodeStats stats() {
    return counters.stats();
  }

  /** What {@code generate --json} prints. */
  public ObjectNode toJson() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    for (int id : promptIds.toArray()) {
      json.withArray("/prompt_ids").add(id);
    }
    json.withArray("/token_ids");
    for (int id : tokenIds.toArray()) {
      json.withArray("/token_ids").add(id);
    }
    json.put("text", text).put("finish_reason", finishReason).put("seed", seed);
    counters.toMap().forEach((name, value) -> json.putPOJO(name, value));
    return json;
  }
}
