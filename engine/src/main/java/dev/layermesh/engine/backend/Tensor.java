package dev.layermesh.engine.backend;

/** Rows of numbers, [rows, width], in a backend's own memory. Belongs to the backend that made it and to one thread. */
public interface Tensor {

  /** Number of rows. */
  int rows();

  /** Elements of a row. */
  int width();
}
