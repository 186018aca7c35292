package dev.layermesh.benchmarks;

import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.DraftChoice;
import dev.layermesh.decoding.DraftToken;
import dev.layermesh.decoding.PositionRandom;
import dev.layermesh.decoding.PositionRandom.Purpose;
import dev.layermesh.decoding.TokenIds;

/**
 * Proposes the known next token with a given probability, else another one, whatever the drafter's layers say: an
 * acceptance rate to order, on models that have none of their own. Which positions it misses depends on the seed alone,
 * so every window length meets the same ones.
 *
 * @param known prompt and continuation
 * @param probability of the right token
 * @param seed of the misses
 */
record Oracle(TokenIds known, double probability, long seed) implements DraftChoice {

  @Override
  public DraftToken choose(Distribution q, int position) {
    if (position >= known.length()) {
      return DraftToken.certain(0); // beyond the last token: never judged
    }
    int right = known.id(position);
    boolean hits = new PositionRandom(seed).uniform(Purpose.ACCEPT, position, 0) < probability;
    return DraftToken.certain(hits ? right : right == 0 ? 1 : right - 1);
  }
}
