package dev.layermesh.cli.options;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.convert.Quantization;

/** Number formats as options name them. */
public final class Formats {
  private Formats() {}

  /** The value of {@code --quantize}. */
  public static Quantization quantization(String option) {
    return Quantization.named(option).orElseThrow(() -> InputException.of(
        "--quantize", option, "must be " + String.join(" or ", Quantization.options())));
  }
}
