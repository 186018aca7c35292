package dev.layermesh.engine.checkpoint;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.gguf.GgmlType;
import dev.layermesh.engine.gguf.GgufMetadata;
import dev.layermesh.engine.gguf.GgufParts;
import dev.layermesh.engine.gguf.GgufTensor;
import dev.layermesh.engine.model.RopeScaling;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * How a GGUF file stretches rotary frequencies. Keys mean what llama.cpp makes of them (src/llama-model.cpp; the keys
 * that its Python package writes are in gguf-py/gguf/constants.py): a factor without a type is linear, and the old key
 * {@code rope.scale_linear} counts if the factor is absent. Every other key of {@code llama.rope.} is refused: an
 * engine that ignores it runs another model.
 */
final class GgufRope {
  private static final String PREFIX = "llama.rope.";
  private static final Set<String> KNOWN = Set.of(
      LlamaKeys.ROPE_DIMENSIONS, LlamaKeys.THETA, LlamaKeys.SCALING, LlamaKeys.SCALING_FACTOR, LlamaKeys.SCALE_LINEAR,
      LlamaKeys.ATTENTION_FACTOR,
      "llama.rope.scaling.original_context_length", // only yarn and longrope use it
      "llama.rope.scaling.finetuned"); // describes the training, changes no angle
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private GgufRope() {}

  /**
   * Reads the scaling and checks every key of rotary embedding but the base.
   *
   * @param headDim HD
   * @throws InputException naming file, key and value
   */
  static RopeScaling scaling(GgufParts gguf, int headDim) {
    GgufMetadata metadata = gguf.metadata();
    String type = metadata.optionalText(LlamaKeys.SCALING).orElse("linear");
    if (!type.equals("linear") && !type.equals("none")) {
      throw metadata.wrong(LlamaKeys.SCALING, "must be none or linear");
    }
    for (String key : metadata.keys()) {
      if (key.startsWith(PREFIX) && !KNOWN.contains(key)) {
        throw metadata.wrong(key, "is not computed by this engine: the model would be another one without it");
      }
    }
    if (metadata.optionalInteger(LlamaKeys.ROPE_DIMENSIONS).orElse(headDim) != headDim) {
      throw metadata.wrong(LlamaKeys.ROPE_DIMENSIONS, "must be " + headDim + ", the length of a head");
    }
    if (metadata.optionalNumber(LlamaKeys.ATTENTION_FACTOR).orElse(1) != 1) {
      throw metadata.wrong(LlamaKeys.ATTENTION_FACTOR, "must be 1: scaled attention is not computed");
    }
    double factor = type.equals("none") ? 1 : factor(metadata);
    RopeScaling each = factors(gguf, headDim);
    if (factor == 1) {
      return each;
    }
    if (each instanceof RopeScaling.Factors) {
      throw metadata.wrong(factorKey(metadata), "must be 1 beside the tensor " + GgufNames.ROPE_FACTORS);
    }
    return new RopeScaling.Linear(factor);
  }

  /** The divisor of positions; llama.cpp reads 0 as 1. */
  private static double factor(GgufMetadata metadata) {
    String key = factorKey(metadata);
    if (metadata.has(LlamaKeys.SCALING) && !metadata.has(key)) {
      throw metadata.wrong(key, "must be a number");
    }
    double factor = metadata.optionalNumber(key).orElse(1);
    if (factor != 0 && !(factor >= 1)) {
      throw metadata.wrong(key, "must be 1 or more");
    }
    double old = metadata.optionalNumber(LlamaKeys.SCALE_LINEAR).orElse(factor);
    if (old != factor) {
      throw metadata.wrong(LlamaKeys.SCALE_LINEAR, "must be " + key + "=" + factor + " or absent");
    }
    return factor == 0 ? 1 : factor;
  }

  private static String factorKey(GgufMetadata metadata) {
    return metadata.has(LlamaKeys.SCALE_LINEAR) && !metadata.has(LlamaKeys.SCALING_FACTOR)
        ? LlamaKeys.SCALE_LINEAR
        : LlamaKeys.SCALING_FACTOR;
  }

  private static RopeScaling factors(GgufParts gguf, int headDim) {
    GgufTensor tensor = gguf.tensors().get(GgufNames.ROPE_FACTORS);
    if (tensor == null) {
      return new RopeScaling.Default();
    }
    if (tensor.type() != GgmlType.F32 || !tensor.shape().equals(List.of((long) headDim / 2))) {
      throw InputException.in(gguf.file(tensor.name()), tensor.name() + ".dims",
          tensor.shape().reversed() + " " + tensor.type(),
          "must be [" + headDim / 2 + "] F32, a factor for each pair of a head");
    }
    List<Float> factors = new ArrayList<>();
    for (float factor : gguf.data(tensor).toArray(FLOAT)) {
      factors.add(factor);
    }
    return new RopeScaling.Factors(factors);
  }
}
