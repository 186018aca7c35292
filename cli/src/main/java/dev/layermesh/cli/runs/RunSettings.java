package dev.layermesh.cli.runs;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.layermesh.cli.complete.Acceptance;
import dev.layermesh.cli.complete.CompletionRequest;
import dev.layermesh.cli.complete.ModelStamp;
import dev.layermesh.decoding.InputException;
import java.nio.file.Path;
import java.util.LinkedHashSet;

/**
 * What decides the results of a run besides its prompts. Every result carries it, so that results explain themselves,
 * and a later run can tell whether it would make the same.
 *
 * @param model which model answers
 * @param manner how each prompt is continued, with the run's own seed
 */
record RunSettings(ModelStamp model, CompletionRequest manner) {
  private static final int SEED_BITS = 53; // every reader of JSON keeps integers below 2^53 exact

  /** The request for a line; its seed depends on the run's seed and the line's number alone. */
  CompletionRequest request(PromptFile.Line.Asked line, boolean chatTemplate) {
    return manner.of(line.prompt(chatTemplate), seed(manner.sampling().seed(), line.number()));
  }

  /**
   * Output {@code line} of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA
   * 2014) that starts from {@code seed}, cut to what JSON keeps exact.
   */
  static long seed(long seed, int line) {
    long z = seed + line * 0x9E37_79B9_7F4A_7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58_476D_1CE4_E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D0_49BB_1331_11EBL;
    return (z ^ (z >>> 31)) >>> (Long.SIZE - SEED_BITS);
  }

  /** The same settings with the seed that an earlier run had drawn. */
  RunSettings withSeedOf(ObjectNode earlier) {
    return new RunSettings(model, manner.of(manner.prompt(), earlier.path("seed").longValue()));
  }

  /** Refuses results that were made in another way. */
  void requireSame(ObjectNode earlier, Path file) {
    ObjectNode here = toJson();
    var names = new LinkedHashSet<String>();
    here.fieldNames().forEachRemaining(names::add);
    earlier.fieldNames().forEachRemaining(names::add);
    for (String name : names) {
      String was = earlier.path(name).asText("absent");
      String is = here.path(name).asText("absent");
      if (!was.equals(is)) {
        throw InputException.in(file, name, was,
            "is what its results were made with, and now it is " + is + ": give the same options, or another --out");
      }
    }
  }

  ObjectNode toJson() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    model.putInto(json);
    return json
        .put("window", manner.window().draftTokens())
        .put("max_tokens", manner.maxTokens())
        .put("ignore_eos", manner.ignoreEos())
        .put("temperature", manner.sampling().temperature())
        .put("top_p", manner.sampling().topP())
        .put("top_k", manner.sampling().topK())
        .put("acceptance", Acceptance.of(manner.sampling().acceptance()).toString())
        .put("seed", manner.sampling().seed());
  }
}
