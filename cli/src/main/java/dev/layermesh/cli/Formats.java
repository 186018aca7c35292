package dev.layermesh.cli;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.convert.Quantization;

/** Number formats as options name them. */
final class Formats {
  private Formats() {}

  /** What {@code --quantize} asks for. */
  static Quantization quantization(String option) {
    return Quantization.named(option).orElseThrow(() -> InputException.of(
        "--quantize", option, "must be " + String.join(" or ", Quantization.options())));
  }
}
