package dev.layermesh.engine.cpu.kernels;

import dev.layermesh.engine.checkpoint.TensorView;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Float32 numbers: how they lie outside the Java heap, and vectors of weights as such. */
public final class StoredFloats {
  public static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private StoredFloats() {}

  /** All elements of a vector. */
  public static float[] vector(TensorView weights) {
    float[] all = new float[weights.columns()];
    weights.widen(0, 0, all, 0);
    return all;
  }
}
