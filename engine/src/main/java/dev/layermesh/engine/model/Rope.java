package dev.layermesh.engine.model;

import dev.layermesh.decoding.InputException;
import java.util.Objects;

/**
 * Rotary position embedding (Su et al., "RoFormer", 2021, eq. 15): pair {@code i} of a head at position {@code t} turns
 * by the angle {@code t * inverseFrequencies[i]}.
 *
 * @param theta base of the geometric series of frequencies, above 1
 * @param scaling how the frequencies are stretched
 */
public record Rope(double theta, RopeScaling scaling) {
  private static final float TWO_PI = (float) (2 * Math.PI);

  public Rope {
    if (!(theta > 1 && theta <= Float.MAX_VALUE)) {
      throw InputException.of("rope_theta", theta, "must be a finite number above 1");
    }
    Objects.requireNonNull(scaling, "scaling");
  }

  /**
   * Radians per position, [HD/2]. Every step is rounded to float32, in the order of transformers
   * ({@code modeling_rope_utils}), so that angles at far positions agree with the reference.
   */
  public float[] inverseFrequencies(int headDim) {
    float[] frequencies = new float[headDim / 2];
    for (int i = 0; i < frequencies.length; i++) {
      float exponent = (float) (2 * i) / headDim;
      float frequency = 1f / (float) StrictMath.pow((float) theta, exponent);
      frequencies[i] = switch (scaling) {
        case RopeScaling.Default _ -> frequency;
        case RopeScaling.Linear linear -> frequency / (float) linear.factor();
        case RopeScaling.Llama3 llama3 -> scaled(frequency, llama3);
        case RopeScaling.Factors each -> frequency / each.factors().get(i);
      };
    }
    return frequencies;
  }

  private static float scaled(float frequency, RopeScaling.Llama3 llama3) {
    float factor = (float) llama3.factor();
    float low = (float) llama3.lowFreqFactor();
    float range = (float) (llama3.highFreqFactor() - llama3.lowFreqFactor());
    float wavelength = 1f / frequency * TWO_PI;
    if (wavelength > (float) (llama3.originalMaxPositions() / llama3.lowFreqFactor())) {
      return frequency / factor;
    }
    if (wavelength < (float) (llama3.originalMaxPositions() / llama3.highFreqFactor())) {
      return frequency;
    }
    float smooth = (1f / wavelength * llama3.originalMaxPositions() - low) / range;
    return (1f - smooth) * frequency / factor + smooth * frequency;
  }
}
