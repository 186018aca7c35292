package dev.layermesh.engine.cpu.kernels;

import dev.layermesh.engine.checkpoint.TensorView;

/** A weight where it lies in its file; each of its rows is a part. */
public record StoredMatrix(TensorView view) implements Matrix {

  @Override
  public String name() {
    return view.name();
  }

  @Override
  public int rows() {
    return view.rows();
  }

  @Override
  public int columns() {
    return view.columns();
  }

  @Override
  public int parts() {
    return view.rows();
  }

  @Override
  public boolean takesQuants() {
    return false;
  }
}
