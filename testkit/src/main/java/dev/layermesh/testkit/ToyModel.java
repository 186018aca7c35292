package dev.layermesh.testkit;

import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.PositionRandom;
import dev.layermesh.decoding.PositionRandom.Purpose;
import dev.layermesh.decoding.PrefixHash;
import dev.layermesh.decoding.Sampler;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.TokenIds;
import java.util.function.IntUnaryOperator;

/**
 * A language model without weights: logits are a hash of the last few ids. Costs nothing to run, every token depends on
 * the tokens before it, and what it must say can be computed without any of the code under test.
 *
 * @param vocabSize ids are below it
 * @param order how many ids before a position decide its logits
 * @param seed different seeds are different models
 * @param agreement how often, from 0 to 1, its draft variant has the target's logits
 */
public record ToyModel(int vocabSize, int order, long seed, double agreement) {
  private static final double LOGIT_RANGE = 6; // the likeliest of 13 tokens then has about 0.3 at temperature 1

  /** Thirteen tokens, four ids of context, a draft that is right two times in three. */
  public static ToyModel small(long seed) {
    return new ToyModel(13, 4, seed, 0.66);
  }

  /** Target logits of the position after the first {@code length} ids. */
  public float[] target(IntUnaryOperator idAt, int length) {
    return logits(state(idAt, length));
  }

  /** Draft logits of the position after the first {@code length} ids. */
  public float[] draft(IntUnaryOperator idAt, int length) {
    long state = state(idAt, length);
    boolean agrees = unit(PrefixHash.extend(state, -1)) < agreement;
    return logits(agrees ? state : PrefixHash.extend(state, -2));
  }

  /** The tokens of {@code spec}, its committed ones included, sampled one by one: what every other way must equal. */
  public TokenIds autoregressive(SessionSpec spec) {
    TokenIds all = spec.prompt().concat(spec.committed());
    var random = new PositionRandom(spec.sampling().seed());
    int end = (int) Math.min((long) spec.prompt().length() + spec.stops().maxTokens(), spec.stops().contextLength());
    boolean ended = !spec.committed().isEmpty() && spec.stops().eosIds().contains(all.id(all.length() - 1));
    while (!ended && all.length() < end) {
      Distribution p = Sampler.distribution(target(all::id, all.length()), 0, vocabSize, spec.sampling());
      int id = Sampler.pick(p, random, Purpose.TARGET, all.length());
      all = all.concat(TokenIds.of(id));
      ended = spec.stops().eosIds().contains(id);
    }
    return all.slice(spec.prompt().length(), all.length());
  }

  private long state(IntUnaryOperator idAt, int length) {
    long state = PrefixHash.extend(PrefixHash.EMPTY ^ seed, Math.min(length, order));
    for (int position = Math.max(0, length - order); position < length; position++) {
      state = PrefixHash.extend(state, idAt.applyAsInt(position));
    }
    return state;
  }

  private float[] logits(long state) {
    float[] logits = new float[vocabSize];
    for (int id = 0; id < vocabSize; id++) {
      logits[id] = (float) (LOGIT_RANGE * unit(PrefixHash.extend(state, id)));
    }
    return logits;
  }

  /** A value in [0, 1) made of 53 bits. */
  private static double unit(long bits) {
    return (bits >>> 11) * 0x1p-53;
  }
}
