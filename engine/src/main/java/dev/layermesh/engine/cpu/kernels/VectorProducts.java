package dev.layermesh.engine.cpu.kernels;

import static dev.layermesh.engine.cpu.kernels.Lanes.F;
import static dev.layermesh.engine.cpu.kernels.Lanes.I;
import static dev.layermesh.engine.cpu.kernels.Lanes.STEP;

import dev.layermesh.engine.packed.PackedFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Products of rows with packed weights. A lane is a row of the matrix ({@link PackedFormat}), so a sum stays in its
 * lane and is taken in the order of the columns: in blocks, an exact sum of products of whole numbers, then by fused
 * multiply-add over blocks; in floating point, even and odd columns apart, added at the end.
 *
 * <p>A few rows are multiplied one by one with the weights as they are packed, read from the first byte to the last: a
 * machine fetches memory ahead of one rising address better than of several. More rows pass by a chunk of columns that
 * is made float32 once for all of them; whole numbers stay exact in it, since a block's sum is below 2^24.
 *
 * <p>C2 inlines so many vector operations into one compiled method and no more ({@code NodeCountInliningCutoff}), and
 * each that it leaves out allocates. So loops are short methods that are not unrolled by hand, and {@code
 * bin/java.options} forbids to inline a method of this class, whose every method is worth a call; what belongs into the
 * loops is in {@link Lanes} and {@link QuantSums}. An instance keeps scratch memory and belongs to one thread.
 */
final class VectorProducts {
  private static final int LANES = PackedFormat.LANES;
  private static final int GROUP = PackedFormat.GROUP;
  private static final int BLOCK = PackedFormat.BLOCK;
  private static final int QUADS = BLOCK / 4; // of a block of 8-bit quants
  private static final int ROWS = 4; // of x in a tile
  private static final int CHUNK = 128; // columns that several rows pass by before the next
  private static final int STRETCH = 640; // columns of a chunk for one row, which has less to do with each
  private static final int MOST_SCALES = 2 * STRETCH / BLOCK; // of a row in a chunk
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final float[] wide = new float[CHUNK * GROUP]; // [columns, 32]: weights or quants of a chunk
  private final float[] scales = new float[MOST_SCALES * GROUP]; // [scales, 32], of a chunk
  private final float[] whole = new float[ROWS * MOST_SCALES * GROUP]; // [ROWS, scales, 32]: sums that lack their scale
  private float[] sums = {}; // [T, 2, 32]: of even and odd columns, or of products and minima

  /** {@link Kernels#matmul}. */
  void multiply(PackedMatrix matrix, int from, int to, Activations x, float[] out) {
    if (sums.length < x.rows() * 2 * GROUP) {
      sums = new float[x.rows() * 2 * GROUP];
    }
    int chunk = x.rows() == 1 ? STRETCH : CHUNK;
    for (int group = from; group < to; group++) {
      Arrays.fill(sums, 0, x.rows() * 2 * GROUP, 0);
      for (int start = 0; start < matrix.columns(); start += chunk) {
        int end = Math.min(start + chunk, matrix.columns());
        if (matrix.format().blocks()) {
          addBlocks(matrix, group, start / BLOCK, end / BLOCK, x);
        } else {
          addFloats(matrix, group, start, end, x);
        }
      }
      put(matrix, group, x.rows(), out);
    }
  }

  /** Writes the sums of a group, without lanes that are no rows of the matrix. */
  private void put(PackedMatrix matrix, int group, int rows, float[] out) {
    boolean both = !matrix.format().blocks() || matrix.format().hasMinima();
    int lanes = Math.min(GROUP, matrix.rows() - group * GROUP);
    for (int t = 0; t < rows; t++) {
      int at = t * matrix.rows() + group * GROUP;
      for (int lane = 0; lane < lanes; lane++) {
        float sum = sums[2 * t * GROUP + lane];
        out[at + lane] = both ? sum + sums[(2 * t + 1) * GROUP + lane] : sum;
      }
    }
  }

  /** Adds columns [from,to) of floating-point weights; from is even. */
  private void addFloats(PackedMatrix matrix, int group, int from, int to, Activations x) {
    int t = 0;
    if (x.rows() >= ROWS) {
      widenFloats(matrix, group, from, to);
      for (; t + ROWS <= x.rows(); t += ROWS) {
        addTile(x, t, from, to);
      }
    }
    float[] xs = x.values().array();
    for (; t < x.rows(); t++) {
      for (int lane = 0; lane < GROUP; lane += 2 * STEP) {
        switch (matrix.format()) {
          case F32 -> addRow(false, matrix, group, from, to, xs, t, lane);
          case F16 -> {
            addRowOfHalves(matrix, group, from, to, xs, t, lane); // one vector after the other: to widen takes much
            addRowOfHalves(matrix, group, from, to, xs, t, lane + STEP);
          }
          case BF16 -> addRow(true, matrix, group, from, to, xs, t, lane);
          default -> throw new IllegalStateException(matrix.format() + " is not of floating point");
        }
      }
    }
  }

  /** Of weights of 32 bits, or of pairs of 16 bits. */
  private void addRow(boolean pairs, PackedMatrix matrix, int group, int from, int to, float[] xs, int t, int lane) {
    MemorySegment w = matrix.data();
    int at = 2 * t * GROUP + lane;
    FloatVector even0 = FloatVector.fromArray(F, sums, at);
    FloatVector even1 = FloatVector.fromArray(F, sums, at + STEP);
    FloatVector odd0 = FloatVector.fromArray(F, sums, at + GROUP);
    FloatVector odd1 = FloatVector.fromArray(F, sums, at + GROUP + STEP);
    int columnBytes = pairs ? 2 * GROUP : 4 * GROUP;
    long o = matrix.groupOffset(group) + (long) columnBytes * from + 4L * lane;
    int row = t * matrix.columns();
    int k = from;
    for (; k + 1 < to; k += 2) {
      FloatVector x0 = FloatVector.broadcast(F, xs[row + k]);
      FloatVector x1 = FloatVector.broadcast(F, xs[row + k + 1]);
      even0 = Lanes.even(pairs, w, o).fma(x0, even0);
      even1 = Lanes.even(pairs, w, o + 4L * STEP).fma(x0, even1);
      odd0 = Lanes.odd(pairs, w, o).fma(x1, odd0);
      odd1 = Lanes.odd(pairs, w, o + 4L * STEP).fma(x1, odd1);
      o += 2L * columnBytes;
    }
    if (k < to) {
      FloatVector last = FloatVector.broadcast(F, xs[row + k]);
      even0 = Lanes.even(pairs, w, o).fma(last, even0);
      even1 = Lanes.even(pairs, w, o + 4L * STEP).fma(last, even1);
    }
    even0.intoArray(sums, at);
    even1.intoArray(sums, at + STEP);
    odd0.intoArray(sums, at + GROUP);
    odd1.intoArray(sums, at + GROUP + STEP);
  }

  private void addRowOfHalves(PackedMatrix matrix, int group, int from, int to, float[] xs, int t, int lane) {
    MemorySegment w = matrix.data();
    int at = 2 * t * GROUP + lane;
    int row = t * matrix.columns();
    FloatVector even = FloatVector.fromArray(F, sums, at);
    FloatVector odd = FloatVector.fromArray(F, sums, at + GROUP);
    long o = matrix.groupOffset(group) + 2L * GROUP * from + 2L * lane;
    int k = from;
    for (; k + 1 < to; k += 2) {
      even = Lanes.halves(w, o).fma(FloatVector.broadcast(F, xs[row + k]), even);
      odd = Lanes.halves(w, o + 2L * GROUP).fma(FloatVector.broadcast(F, xs[row + k + 1]), odd);
      o += 4L * GROUP;
    }
    if (k < to) {
      even = Lanes.halves(w, o).fma(FloatVector.broadcast(F, xs[row + k]), even);
    }
    even.intoArray(sums, at);
    odd.intoArray(sums, at + GROUP);
  }

  /** Adds a chunk that is widened to the sums of four rows. */
  private void addTile(Activations x, int t, int from, int to) {
    float[] xs = x.values().array();
    int x0 = t * x.width() + from;
    int x1 = x0 + x.width();
    int x2 = x1 + x.width();
    int x3 = x2 + x.width();
    for (int lane = 0; lane < GROUP; lane += STEP) {
      int at = 2 * t * GROUP + lane;
      FloatVector even0 = FloatVector.fromArray(F, sums, at);
      FloatVector odd0 = FloatVector.fromArray(F, sums, at + GROUP);
      FloatVector even1 = FloatVector.fromArray(F, sums, at + 2 * GROUP);
      FloatVector odd1 = FloatVector.fromArray(F, sums, at + 3 * GROUP);
      FloatVector even2 = FloatVector.fromArray(F, sums, at + 4 * GROUP);
      FloatVector odd2 = FloatVector.fromArray(F, sums, at + 5 * GROUP);
      FloatVector even3 = FloatVector.fromArray(F, sums, at + 6 * GROUP);
      FloatVector odd3 = FloatVector.fromArray(F, sums, at + 7 * GROUP);
      int k = 0;
      for (; k + 1 < to - from; k += 2) {
        FloatVector even = FloatVector.fromArray(F, wide, k * GROUP + lane);
        even0 = even.fma(FloatVector.broadcast(F, xs[x0 + k]), even0);
        even1 = even.fma(FloatVector.broadcast(F, xs[x1 + k]), even1);
        even2 = even.fma(FloatVector.broadcast(F, xs[x2 + k]), even2);
        even3 = even.fma(FloatVector.broadcast(F, xs[x3 + k]), even3);
        FloatVector odd = FloatVector.fromArray(F, wide, (k + 1) * GROUP + lane);
        odd0 = odd.fma(FloatVector.broadcast(F, xs[x0 + k + 1]), odd0);
        odd1 = odd.fma(FloatVector.broadcast(F, xs[x1 + k + 1]), odd1);
        odd2 = odd.fma(FloatVector.broadcast(F, xs[x2 + k + 1]), odd2);
        odd3 = odd.fma(FloatVector.broadcast(F, xs[x3 + k + 1]), odd3);
      }
      if (k < to - from) {
        FloatVector last = FloatVector.fromArray(F, wide, k * GROUP + lane);
        even0 = last.fma(FloatVector.broadcast(F, xs[x0 + k]), even0);
        even1 = last.fma(FloatVector.broadcast(F, xs[x1 + k]), even1);
        even2 = last.fma(FloatVector.broadcast(F, xs[x2 + k]), even2);
        even3 = last.fma(FloatVector.broadcast(F, xs[x3 + k]), even3);
      }
      even0.intoArray(sums, at);
      odd0.intoArray(sums, at + GROUP);
      even1.intoArray(sums, at + 2 * GROUP);
      odd1.intoArray(sums, at + 3 * GROUP);
      even2.intoArray(sums, at + 4 * GROUP);
      odd2.intoArray(sums, at + 5 * GROUP);
      even3.intoArray(sums, at + 6 * GROUP);
      odd3.intoArray(sums, at + 7 * GROUP);
    }
  }

  /** Makes columns [from,to) float32. */
  private void widenFloats(PackedMatrix matrix, int group, int from, int to) {
    MemorySegment w = matrix.data();
    int elements = (to - from + (to - from) % 2) * GROUP;
    long o = matrix.groupOffset(group) + (long) from * GROUP * matrix.format().bits() / Byte.SIZE;
    switch (matrix.format()) {
      case F32 -> MemorySegment.copy(w, FLOAT, o, wide, 0, elements);
      case F16 -> {
        for (int i = 0; i < elements; i += STEP) {
          Lanes.halves(w, o + 2L * i).intoArray(wide, i);
        }
      }
      case BF16 -> {
        for (int pair = 0; pair < elements; pair += 2 * GROUP) {
          for (int lane = 0; lane < GROUP; lane += STEP) {
            IntVector columns = Lanes.ints(w, o + 2L * pair + 4L * lane);
            Lanes.lower(columns).intoArray(wide, pair + lane);
            Lanes.upper(columns).intoArray(wide, pair + GROUP + lane);
          }
        }
      }
      default -> throw new IllegalStateException(matrix.format() + " is not of floating point");
    }
  }

  /** Adds blocks [from,to): sums of whole numbers, then what their scales make of them. */
  private void addBlocks(PackedMatrix matrix, int group, int from, int to, Activations x) {
    boolean bytes = matrix.format().bits() == Byte.SIZE;
    int halves = matrix.format().halves();
    int t = 0;
    if (x.rows() >= ROWS) {
      if (bytes) {
        widenBytes(matrix, group, from, to);
      } else {
        widenNibbles(matrix, group, from, to);
      }
      readScales(matrix, group, from, to);
      for (; t + ROWS <= x.rows(); t += ROWS) {
        sumTile(halves, from, to, x, t);
        for (int row = 0; row < ROWS; row++) {
          scaleSums(halves, from, to, row, x, t + row);
        }
      }
    }
    for (; t < x.rows(); t++) {
      if (!bytes) {
        sumNibbles(matrix, group, from, to, x, t);
      } else if (halves == 1) {
        sumBytes(matrix, group, from, to, x, t);
      } else {
        sumHalves(matrix, group, from, to, x, t);
      }
      if (t == 0) {
        readScales(matrix, group, from, to); // after the quants, which alone are read as they lie in memory
      }
      scaleSums(halves, from, to, 0, x, t);
    }
    if (matrix.format().hasMinima()) {
      addMinima(matrix, group, from, to, x);
    }
  }

  private void readScales(PackedMatrix matrix, int group, int from, int to) {
    PackedFormat format = matrix.format();
    for (int half = 0; half < format.halves(); half++) {
      for (int lane = 0; lane < GROUP; lane += STEP) {
        long o = matrix.groupOffset(group) + (long) from * format.blockBytes() + format.scalesOffset()
            + 4L * GROUP * half;
        int at = half * GROUP + lane;
        for (int b = from; b < to; b++) {
          Lanes.numbers(format, matrix.data(), o, lane).intoArray(scales, at);
          o += format.blockBytes();
          at += format.halves() * GROUP;
        }
      }
    }
  }

  /** Sums of a row alone, one vector of the group after the other, as they lie in memory. */
  private void sumBytes(PackedMatrix matrix, int group, int from, int to, Activations x, int t) {
    PackedFormat format = matrix.format();
    for (int lane = 0; lane < LANES; lane += STEP) {
      long base = matrix.groupOffset(group) + (long) from * format.blockBytes() + 4L * lane;
      int first = t * x.blocksPerRow() + from;
      for (int i = 0; i < 2 * (to - from); i++) { // both vectors of a block, one after the other
        long o = base + (long) (i / 2) * format.blockBytes() + (long) (i % 2) * format.quantBytes();
        QuantSums.ofQuads(matrix.data(), o, QUADS, x.pairs(), (first + i / 2) * BLOCK / 2)
            .intoArray(whole, i * LANES + lane);
      }
    }
  }

  /** As {@link #sumBytes}, of blocks with two scales: halves of both vectors, one after the other. */
  private void sumHalves(PackedMatrix matrix, int group, int from, int to, Activations x, int t) {
    PackedFormat format = matrix.format();
    for (int lane = 0; lane < LANES; lane += STEP) {
      long base = matrix.groupOffset(group) + (long) from * format.blockBytes() + 4L * lane;
      int first = t * x.blocksPerRow() + from;
      for (int i = 0; i < 4 * (to - from); i++) {
        long o = base + (long) (i / 4) * format.blockBytes() + (long) (i % 4) * (format.quantBytes() / 2);
        int pair = (first + i / 4) * BLOCK / 2 + i % 2 * BLOCK / 4;
        int at = (i / 4 * 2 + i % 2) * GROUP + i / 2 % 2 * LANES + lane;
        QuantSums.ofQuads(matrix.data(), o, QUADS / 2, x.pairs(), pair).intoArray(whole, at);
      }
    }
  }

  /** As {@link #sumBytes}. */
  private void sumNibbles(PackedMatrix matrix, int group, int from, int to, Activations x, int t) {
    PackedFormat format = matrix.format();
    for (int lane = 0; lane < LANES; lane += STEP) {
      long base = matrix.groupOffset(group) + (long) from * format.blockBytes() + 4L * lane;
      int first = t * x.blocksPerRow() + from;
      for (int i = 0; i < 2 * (to - from); i++) { // both vectors of a block, one after the other
        // A nibble stands 8 above its quant: 8 instead of 128 times the sum is too much.
        IntVector offset = IntVector.broadcast(I, format.hasMinima() ? 0 : x.biases()[first + i / 2] >> 4);
        long o = base + (long) (i / 2) * format.blockBytes() + (long) (i % 2) * format.quantBytes();
        QuantSums.ofNibbles(matrix.data(), o, x.pairs(), (first + i / 2) * BLOCK / 2, offset)
            .intoArray(whole, i * LANES + lane);
      }
    }
  }

  private void widenBytes(PackedMatrix matrix, int group, int from, int to) {
    PackedFormat format = matrix.format();
    for (int lane = 0; lane < LANES; lane += STEP) {
      long base = matrix.groupOffset(group) + (long) from * format.blockBytes() + 4L * lane;
      for (int i = 0; i < 2 * QUADS * (to - from); i++) { // quads of both vectors of a block, as they lie in memory
        int vector = i / QUADS;
        IntVector quad = Lanes.ints(
            matrix.data(), base + (long) (vector / 2) * format.blockBytes() + 4L * LANES * (i % (2 * QUADS)));
        int at = (vector / 2 * BLOCK + i % QUADS * 4) * GROUP + vector % 2 * LANES + lane;
        Lanes.topByte(quad.lanewise(VectorOperators.LSHL, 24)).intoArray(wide, at);
        Lanes.topByte(quad.lanewise(VectorOperators.LSHL, 16)).intoArray(wide, at + GROUP);
        Lanes.topByte(quad.lanewise(VectorOperators.LSHL, 8)).intoArray(wide, at + 2 * GROUP);
        Lanes.topByte(quad).intoArray(wide, at + 3 * GROUP);
      }
    }
  }

  private void widenNibbles(PackedMatrix matrix, int group, int from, int to) {
    PackedFormat format = matrix.format();
    int quads = QUADS / 2; // each of two times four columns
    int above = format.hasMinima() ? 0 : 8;
    for (int lane = 0; lane < LANES; lane += STEP) {
      long base = matrix.groupOffset(group) + (long) from * format.blockBytes() + 4L * lane;
      for (int i = 0; i < 2 * quads * (to - from); i++) {
        int vector = i / quads;
        IntVector quad = Lanes.ints(
            matrix.data(), base + (long) (vector / 2) * format.blockBytes() + 4L * LANES * (i % (2 * quads)));
        int at = (vector / 2 * BLOCK + i % quads * 4) * GROUP + vector % 2 * LANES + lane;
        for (int column = 0; column < 4; column++) {
          Lanes.lowNibble(quad, above).intoArray(wide, at + column * GROUP);
          Lanes.lowNibble(quad.lanewise(VectorOperators.LSHR, 4), above)
              .intoArray(wide, at + (column + BLOCK / 2) * GROUP);
          quad = quad.lanewise(VectorOperators.LSHR, 8);
        }
      }
    }
  }

  /** Sums of four rows over blocks [from,to), which are widened. */
  private void sumTile(int halves, int from, int to, Activations x, int t) {
    float[] xs = x.wideQuants();
    int x0 = t * x.width() + from * BLOCK;
    int x1 = x0 + x.width();
    int x2 = x1 + x.width();
    int x3 = x2 + x.width();
    int columns = BLOCK / halves;
    for (int i = 0; i < (to - from) * halves; i++) {
      for (int lane = 0; lane < GROUP; lane += 2 * STEP) {
        FloatVector s00 = FloatVector.zero(F);
        FloatVector s01 = s00;
        FloatVector s10 = s00;
        FloatVector s11 = s00;
        FloatVector s20 = s00;
        FloatVector s21 = s00;
        FloatVector s30 = s00;
        FloatVector s31 = s00;
        for (int k = i * columns; k < (i + 1) * columns; k++) {
          FloatVector first = FloatVector.fromArray(F, wide, k * GROUP + lane);
          FloatVector second = FloatVector.fromArray(F, wide, k * GROUP + lane + STEP);
          FloatVector row0 = FloatVector.broadcast(F, xs[x0 + k]);
          s00 = first.fma(row0, s00);
          s01 = second.fma(row0, s01);
          FloatVector row1 = FloatVector.broadcast(F, xs[x1 + k]);
          s10 = first.fma(row1, s10);
          s11 = second.fma(row1, s11);
          FloatVector row2 = FloatVector.broadcast(F, xs[x2 + k]);
          s20 = first.fma(row2, s20);
          s21 = second.fma(row2, s21);
          FloatVector row3 = FloatVector.broadcast(F, xs[x3 + k]);
          s30 = first.fma(row3, s30);
          s31 = second.fma(row3, s31);
        }
        int at = i * GROUP + lane;
        s00.intoArray(whole, at);
        s01.intoArray(whole, at + STEP);
        s10.intoArray(whole, at + MOST_SCALES * GROUP);
        s11.intoArray(whole, at + MOST_SCALES * GROUP + STEP);
        s20.intoArray(whole, at + 2 * MOST_SCALES * GROUP);
        s21.intoArray(whole, at + 2 * MOST_SCALES * GROUP + STEP);
        s30.intoArray(whole, at + 3 * MOST_SCALES * GROUP);
        s31.intoArray(whole, at + 3 * MOST_SCALES * GROUP + STEP);
      }
    }
  }

  /** {@code sums[t] += whole[row] * (scale * xScale)}, block after block. */
  private void scaleSums(int halves, int from, int to, int row, Activations x, int t) {
    float[] xScales = x.scales().array();
    int first = t * x.blocksPerRow() + from;
    for (int lane = 0; lane < GROUP; lane += STEP) {
      FloatVector sum = FloatVector.fromArray(F, sums, 2 * t * GROUP + lane);
      for (int i = 0; i < (to - from) * halves; i++) {
        FloatVector scale = FloatVector.fromArray(F, scales, i * GROUP + lane).mul(xScales[first + i / halves]);
        sum = FloatVector.fromArray(F, whole, (row * MOST_SCALES + i) * GROUP + lane).fma(scale, sum);
      }
      sum.intoArray(sums, 2 * t * GROUP + lane);
    }
  }

  /** Adds what the minima make of all rows, to a sum of its own. */
  private void addMinima(PackedMatrix matrix, int group, int from, int to, Activations x) {
    PackedFormat format = matrix.format();
    float[] xSums = x.sums().array();
    for (int b = from; b < to; b++) {
      long o = matrix.groupOffset(group) + (long) b * format.blockBytes() + format.minimaOffset();
      for (int lane = 0; lane < GROUP; lane += STEP) {
        FloatVector minima = Lanes.numbers(format, matrix.data(), o, lane);
        for (int t = 0; t < x.rows(); t++) {
          int at = (2 * t + 1) * GROUP + lane;
          FloatVector xSum = FloatVector.broadcast(F, xSums[t * x.blocksPerRow() + b]);
          minima.fma(xSum, FloatVector.fromArray(F, sums, at)).intoArray(sums, at);
        }
      }
    }
  }
}
