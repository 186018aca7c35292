package dev.layermesh.engine.bench;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.Batch;
import dev.layermesh.engine.backend.Batch.Segment;
import dev.layermesh.engine.backend.KvCache;
import dev.layermesh.engine.backend.Tensor;
import dev.layermesh.engine.backend.Transformer;
import dev.layermesh.engine.checkpoint.LoadListener;
import java.util.List;
import java.util.stream.IntStream;

/**
 * How surprised a model is by a text, as llama.cpp's tool defines it (github.com/ggml-org/llama.cpp, tools/perplexity):
 * the text is cut into windows of n tokens, each read from an empty cache; scored are the tokens of a window's second
 * half, from position n/2 + 1 on, so that each has at least n/2 before it. Belongs to one thread.
 */
public final class Perplexity implements AutoCloseable {
  private static final int STEP_ROWS = 64;

  private final WholeModel model;

  private Perplexity(WholeModel model) {
    this.model = model;
  }

  /**
   * The score of some tokens.
   *
   * @param tokens scored
   * @param negativeLogLikelihood sum over them, in nats
   */
  public record Score(int tokens, double negativeLogLikelihood) {

    /** e to the mean negative log-likelihood. */
    public double perplexity() {
      return Math.exp(negativeLogLikelihood / tokens);
    }

    /** Of both. */
    public Score plus(Score other) {
      return new Score(tokens + other.tokens, negativeLogLikelihood + other.negativeLogLikelihood);
    }
  }

  /**
   * Loads a whole model.
   *
   * @throws InputException naming what is wrong with options or files
   */
  public static Perplexity open(EngineOptions options, LoadListener listener) {
    return new Perplexity(WholeModel.open(options, listener));
  }

  /** What is computed on; see {@link Backend#arithmetic()}. */
  public String arithmetic() {
    return model.backend().arithmetic();
  }

  /**
   * Scores one window.
   *
   * @throws InputException when it is longer than the model's context
   */
  public Score score(TokenIds window) {
    int most = model.config().maxPositions();
    if (window.length() > most) {
      throw InputException.of("--context", window.length(), "must be at most " + most + ", the model's own");
    }
    Transformer transformer = model.transformer();
    int firstScored = window.length() / 2;
    double sum = 0;
    try (KvCache cache = transformer.newCache()) {
      for (int from = 0; from < window.length(); from += STEP_ROWS) {
        int to = Math.min(window.length(), from + STEP_ROWS);
        Tensor states = transformer.embed(window.slice(from, to));
        transformer.layers(new Batch(List.of(new Segment(cache, from, to - from))), states);
        int first = Math.max(from, firstScored);
        int last = Math.min(to, window.length() - 1); // what follows the last row is not known
        if (first < last) {
          int start = from;
          float[][] logits = transformer.logits(states, IntStream.range(first, last).map(i -> i - start).toArray());
          for (int position = first; position < last; position++) {
            sum -= logProbability(logits[position - first], window.id(position + 1));
          }
        }
      }
    }
    return new Score(window.length() - 1 - firstScored, sum);
  }

  private static double logProbability(float[] logits, int id) {
    float largest = Float.NEGATIVE_INFINITY;
    for (float logit : logits) {
      largest = Math.max(largest, logit);
    }
    double total = 0;
    for (float logit : logits) {
      total += Math.exp(logit - largest);
    }
    return logits[id] - largest - Math.log(total);
  }

  @Override
  public void close() {
    model.close();
  }
}
