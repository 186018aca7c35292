package dev.layermesh.engine.backend;

import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.SamplingParams;
import java.util.List;

/** Final norm and output projection. Belongs to one thread. */
public interface Head {

  /**
   * A row whose next token is asked for.
   *
   * @param row index into the states
   * @param sampling how its session chooses
   */
  record Ask(int row, SamplingParams sampling) {}

  /**
   * Logits of some rows.
   *
   * @param states residual stream [rows, hiddenSize], not normed; left as it is
   * @param rows which rows, in any order
   * @return [rows.length][vocabSize]
   */
  float[][] logits(Tensor states, int[] rows);

  /** What each asked row's next token is drawn from; an accelerator may do all of it on the device. */
  List<Distribution> distributions(Tensor states, List<Ask> asks);
}
