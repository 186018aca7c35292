package dev.layermesh.engine.packed;

/**
 * How a packed matrix lies in memory. Rows go in groups of 32, two vectors of 16 lanes with a row in each, so that a
 * vector holds the same column of 16 rows and a sum never crosses lanes; a group is read from its first byte to its
 * last. What C kernels call a format is its ordinal.
 *
 * <ul>
 *   <li>{@code F32}, {@code F16}: [K, 32]; an odd last column is followed by one of zeros.
 *   <li>{@code BF16}: [K/2, 32, 2], the pairs of columns that a 32-bit lane holds.
 *   <li>Blocks of 32 columns: the quants of the first 16 rows, those of the last, then the numbers of all: scales, and
 *       minima. 8-bit quants of 16 rows are [8, 16, 4], quads of columns, signed; 4-bit ones [4, 16, 4], byte i of quad
 *       j holding column 4j + i below and 4j + i + 16 above, and stand 8 above their quant where there are no minima.
 *       An element is {@code scale * quant + minimum}. Numbers in binary16 are [16, 2], rows r and r + 16 in a lane of
 *       32 bits; numbers in float32 are [32], with two scales [2, 32].
 * </ul>
 */
public enum PackedFormat {
  F32(32, 0, 0),
  F16(16, 0, 0),
  BF16(16, 0, 0),
  /** Scales in binary16. */
  Q8(8, 2, 0),
  /** Scales in binary16. */
  Q4(4, 2, 0),
  /** Scales and minima in binary16. */
  Q8_MIN(8, 2, 2),
  /** Scales and minima in binary16. */
  Q4_MIN(4, 2, 2),
  /** Scales and minima in float32. */
  Q8_WIDE_MIN(8, 4, 4),
  /** Scales and minima in float32. */
  Q4_WIDE_MIN(4, 4, 4),
  /** Two scales in float32: of the first and of the last 16 columns. */
  Q8_HALVES(8, 8, 0);

  /** Rows of a vector. */
  public static final int LANES = 16;

  /** Name of all kernels over packed weights: they take the same steps and agree to the last bit. */
  public static final String FAMILY = "lanes" + LANES;

  /** Rows of a group. */
  public static final int GROUP = 2 * LANES;

  /** Columns of a block. */
  public static final int BLOCK = 32;

  private final int bits; // of an element or quant
  private final int scaleBytes; // of a row in a block
  private final int minBytes;

  PackedFormat(int bits, int scaleBytes, int minBytes) {
    this.bits = bits;
    this.scaleBytes = scaleBytes;
    this.minBytes = minBytes;
  }

  /** Whether columns go in blocks with scales. */
  public boolean blocks() {
    return scaleBytes > 0;
  }

  /** Bits of a quant: 4 or 8. */
  public int bits() {
    return bits;
  }

  /** Whether blocks have minima. */
  public boolean hasMinima() {
    return minBytes > 0;
  }

  /** Scales of a row in a block. */
  public int halves() {
    return this == Q8_HALVES ? 2 : 1;
  }

  /** Whether scales and minima are float32, else binary16. */
  public boolean wide() {
    return scaleBytes >= Float.BYTES;
  }

  /** Bytes of the quants of 16 rows in a block. */
  public int quantBytes() {
    return BLOCK * LANES * bits / 8;
  }

  /** Bytes of a block of a group. */
  public int blockBytes() {
    return minimaOffset() + GROUP * minBytes;
  }

  /** Where in a block its scales begin. */
  public int scalesOffset() {
    return GROUP / LANES * quantBytes();
  }

  /** Where in a block its minima begin. */
  public int minimaOffset() {
    return scalesOffset() + GROUP * scaleBytes;
  }

  /** Groups of a matrix of so many rows; the last one is filled up with rows of zeros. */
  public static int groups(int rows) {
    return Math.ceilDiv(rows, GROUP);
  }

  /** Bytes of a matrix. */
  public long bytes(int rows, int columns) {
    return groups(rows) * groupBytes(columns);
  }

  /** Bytes of a group of rows of {@code columns} elements. */
  public long groupBytes(int columns) {
    return blocks()
        ? (long) columns / BLOCK * blockBytes()
        : (long) (columns + columns % 2) * GROUP * bits / 8;
  }
}
