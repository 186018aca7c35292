package dev.layermesh.engine.kv;

import dev.layermesh.decoding.HiddenRows;
import java.util.List;

/**
 * Positions that a session found in blocks of other sessions instead of computing them.
 *
 * @param positions how many
 * @param states of these positions after the stack's last layer, in order, if they were shared with the blocks
 */
public record PrefixHit(int positions, List<HiddenRows> states) {
  /** Nothing found. */
  public static final PrefixHit NONE = new PrefixHit(0, List.of());

  public PrefixHit {
    states = List.copyOf(states);
  }
}
