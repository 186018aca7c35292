package dev.layermesh.engine.cpu.kernels;

/** A weight as a family of kernels reads it: a product with it maps a row of {@link #columns()} to one of its rows. */
public sealed interface Matrix permits StoredMatrix, PackedMatrix {

  /** Name in the checkpoint, for messages. */
  String name();

  /** N: elements of a row of the product. */
  int rows();

  /** K: elements of a row of x. */
  int columns();

  /** Parts that a product may be split into; each computes some of the N elements of every row. */
  int parts();

  /** Whether products take x in blocks of 8-bit numbers ({@link Activations#quants}) instead of float32. */
  boolean takesQuants();
}
