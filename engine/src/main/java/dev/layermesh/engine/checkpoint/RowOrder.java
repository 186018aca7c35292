package dev.layermesh.engine.checkpoint;

/** Maps the row numbers of Hugging Face transformers to the rows of a stored matrix. */
public sealed interface RowOrder {
  /** Row r is stored as row r. */
  RowOrder AS_STORED = new AsStored();

  /** The stored row that is row {@code row} of transformers. */
  int stored(int row);

  /** The row of transformers that is stored row {@code stored}: the inverse. */
  int counted(int stored);

  /** Row r is stored as row r. */
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
