package dev.layermesh.benchmarks;

import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.speculation.ModelIdentity;
import dev.layermesh.testkit.Fixtures;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/** Prompts to measure with. */
final class Workload {
  private static final int PROMPT_TOKENS = 16;

  private Workload() {}

  /** A checkpoint's own prompts if it has some, else random tokens; random weights need no better ones. */
  static List<TokenIds> prompts(Path model, ModelIdentity identity, int count) {
    if (Files.exists(model.resolve("golden.json"))) {
      List<TokenIds> own = Fixtures.golden(model).cases().stream().map(Fixtures.GoldenCase::promptIds).toList();
      return IntStream.range(0, count).mapToObj(i -> own.get(i % own.size())).toList();
    }
    var random = new Random(1);
    int vocabulary = identity.config().vocabSize();
    return IntStream.range(0, count)
        .mapToObj(_ -> TokenIds.of(random.ints(PROMPT_TOKENS, 0, vocabulary).toArray()))
        .toList();
  }
}
