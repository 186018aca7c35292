package dev.layermesh.engine.checkpoint;

/** Which stored row of a matrix is its row r, in the order in which Hugging Face transformers counts rows. */
public sealed interface RowOrder {
  /** The r-th. */
  RowOrder AS_STORED = new AsStored();

  /** Where row {@code row} lies among the stored rows. */
  int stored(int row);

  /** Which row lies at {@code stored}: the other way round. */
  int counted(int stored);

  /** Rows lie as they are counted. */
  record AsStored() implements RowOrder {
    @Override
    public int stored(int row) {
      return row;
    }

    @Override
    public int counted(int stored) {
      return stored;
    }
  }

  /**
   * Query and key rows of a Llama model in GGUF: the two rows that rotary embedding turns together are neighbours (2i,
   * 2i + 1), where transformers has them half a head apart (i, i + HD/2).
   *
   * @param headDim HD, even
   */
  record InterleavedPairs(int headDim) implements RowOrder {
    public InterleavedPairs {
      if (headDim < 2 || headDim % 2 != 0) {
        throw new IllegalArgumentException("pairs of a head of " + headDim);
      }
    }

    @Override
    public int stored(int row) {
      int half = headDim / 2;
      int inHead = row % headDim;
      return row - inHead + 2 * (inHead % half) + inHead / half;
    }

    @Override
    public int counted(int stored) {
      int inHead = stored % headDim;
      return stored - inHead + inHead / 2 + inHead % 2 * (headDim / 2);
    }
  }
}
