package dev.layermesh.decoding;

/**
 * A proposed token and the distribution q it was drawn from.
 *
 * @param id token id
 * @param drawnFrom q as actually sampled; {@link Distribution.Certain} when the acceptance rule never reads it
 */
public record DraftToken(int id, Distribution drawnFrom) {
  public DraftToken {
    if (!(drawnFrom.probability(id) > 0)) { // the rules divide by it
      throw new IllegalArgumentException("token " + id + " was not drawn from " + drawnFrom);
    }
  }

  /** A token proposed without a distribution, as a greedy or an n-gram drafter does. */
  public static DraftToken certain(int id) {
    return new DraftToken(id, new Distribution.Certain(id));
  }
}
