package dev.layermesh.decoding.loop;

import dev.layermesh.decoding.Distribution;

/** A language model for tests of the loop: the next token depends on the last id and its position alone. */
@FunctionalInterface
interface TableModel {

  /** The distribution of the token at {@code position}, which follows {@code last}. */
  Distribution after(int last, int position);

  /** Always certain, and hardly ever the same token twice. */
  TableModel COUNTING = (last, position) -> new Distribution.Certain((3 * last + position + 1) % 10);

  /** Certain too, and never what {@link #COUNTING} says. */
  TableModel WRONG = (last, position) -> new Distribution.Certain((3 * last + position + 2) % 10);
}
