package dev.layermesh.engine.measure;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.Transformer;
import dev.layermesh.engine.backend.LogitRows;
import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.Batch;
import dev.layermesh.engine.backend.Tensor;
import dev.layermesh.engine.checkpoint.LoadListener;
import dev.layermesh.engine.kv.KvCache;

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
    int vocabSize = model.config().vocabSize();
    Tensor states = transformer.tensor(STEP_ROWS);
    var logits = new float[STEP_ROWS * vocabSize];
    double sum = 0;
    try (KvCache cache = transformer.newCache()) {
      for (int from = 0; from < window.length(); from += STEP_ROWS) {
        int to = Math.min(window.length(), from + STEP_ROWS);
        transformer.embed(window.slice(from, to), states, 0);
        transformer.layers(Batch.of(cache, from, to - from), states);
        int first = Math.max(from, firstScored);
        int last = Math.min(to, window.length() - 1); // what follows the last row is not known
        if (first < last) {
          transformer.logits(states, new LogitRows(vocabSize).add(first - from, last - first, logits));
          transformer.finish();
          for (int position = first; position < last; position++) {
            sum -= logProbability(logits, (position - first) * vocabSize, window.id(position + 1));
          }
        }
      }
    }
    return new Score(window.length() - 1 - firstScored, sum);
  }

  /** Of a token by the logits from {@code offset} on. */
  private double logProbability(float[] logits, int offset, int id) {
    int end = offset + model.config().vocabSize();
    float largest = Float.NEGATIVE_INFINITY;
    for (int i = offset; i < end; i++) {
      largest = Math.max(largest, logits[i]);
    }
    double total = 0;
    for (int i = offset; i < end; i++) {
      total += Math.exp(logits[i] - largest);
    }
    return logits[offset + id] - largest - Math.log(total);
  }

  @Override
  public void close() {
    model.close();
  }
}
