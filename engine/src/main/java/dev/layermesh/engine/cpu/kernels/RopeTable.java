package dev.layermesh.engine.cpu.kernels;

import java.util.Arrays;

/**
 * Cosines and sines of the rotary embedding for positions [0,n), grown as sessions do. Angle, cosine and sine are
 * rounded to float32, as transformers does. Belongs to one thread while it grows.
 */
public final class RopeTable {
  private final float[] inverseFrequencies;
  private float[] cos = new float[0];
  private float[] sin = new float[0];

  public RopeTable(float[] inverseFrequencies) {
    this.inverseFrequencies = inverseFrequencies;
  }

  /** Pairs of a head: HD/2. */
  public int pairs() {
    return inverseFrequencies.length;
  }

  /** [positions, HD/2] */
  public float[] cos() {
    return cos;
  }

  /** [positions, HD/2] */
  public float[] sin() {
    return sin;
  }

  /** Makes the table reach {@code positions}. */
  public void reach(int positions) {
    int known = cos.length / pairs();
    if (positions <= known) {
      return;
    }
    int grown = Math.max(positions, known + known / 2);
    cos = Arrays.copyOf(cos, Math.multiplyExact(grown, pairs()));
    sin = Arrays.copyOf(sin, cos.length);
    for (int position = known; position < grown; position++) {
      for (int i = 0; i < pairs(); i++) {
        float angle = position * inverseFrequencies[i];
        cos[position * pairs() + i] = (float) StrictMath.cos(angle);
        sin[position * pairs() + i] = (float) StrictMath.sin(angle);
      }
    }
  }
}
