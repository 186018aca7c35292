package dev.layermesh.engine.cpu.kernels;

import dev.layermesh.engine.checkpoint.TensorView;
import dev.layermesh.engine.packed.Packer;
import java.lang.foreign.Arena;

/** Products as a step runs them. */
final class Products {
  private Products() {}

  /** Stored weights as kernels read packed ones. */
  static PackedMatrix packed(TensorView weights) {
    var packed = new PackedMatrix(weights.name(), Packer.format(weights), weights.rows(), weights.columns(),
        Arena.ofAuto().allocate(Packer.bytes(weights), 64));
    Packer.pack(weights, 0, packed.parts(), packed.data());
    return packed;
  }

  /** Rows of x in the form that products with {@code w} take. */
  static Activations input(Kernels kernels, Matrix w, float[] x, int rows) {
    Activations input = Activations.of(x, rows, w.columns());
    if (w.takesQuants()) {
      kernels.quantize(input, 0, rows * input.blocksPerRow());
    }
    return input;
  }

  /** The product of {@code rows} rows of x, the first of an array, with the parts [from,to) of w. */
  static void multiply(Kernels kernels, Matrix w, int from, int to, float[] x, int rows, float[] out) {
    kernels.matmul(w, from, to, input(kernels, w, x, rows), new FloatArray(out));
  }

  /** The whole product, [rows, N]. */
  static float[] product(Kernels kernels, Matrix w, float[] x, int rows) {
    float[] out = new float[rows * w.rows()];
    multiply(kernels, w, 0, w.parts(), x, rows, out);
    return out;
  }
}
