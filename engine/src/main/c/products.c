/*
 * Products for one instruction set; compiled once for each, with ISA as the suffix of the name. The contract is that of
 * Kernels.java, the layout of weights that of PackedFormat.java, and the order of every sum that of VectorKernels.java,
 * bit for bit. Compile with -ffp-contract=off: a product and a sum are fused where vf_fma says so and nowhere else.
 *
 * T rows of x, N rows of the matrix ("columns" of the product), K elements of a row. A group is 32 rows of the matrix,
 * two vectors of lanes.
 */
#include "lanes.h"

#define VECTORS 2    /* of lanes in a group */
#define GROUP (VECTORS * LANES)
#define BLOCK 32     /* columns that share a scale */
#define CHUNK 128       /* columns of a group that rows pass by before the next: memory is never left idle */
#define WIDE_CHUNK 512  /* the same for many rows, which leave memory idle anyway: sums are fetched less often */
#define MANY 32         /* rows are many from here on */
#define ROWS 4       /* of x that share each load of weights */
#define LINE 64      /* bytes of a cache line */
#define AHEAD 4096   /* bytes from a load to the line that is asked for: what a core streams while memory answers */

/* Ordinals of PackedFormat. */
enum format { F32, F16, BF16, Q8, Q4, Q8_MIN, Q4_MIN, Q8_WIDE_MIN, Q4_WIDE_MIN, Q8_HALVES };

/* What a block format consists of; all constants where it is used. */
typedef struct {
  int bits;   /* of a quant: 4 or 8 */
  int wide;   /* whether scales and minima are float32, else binary16 */
  int min;    /* whether a block has a minimum: w = scale * quant + min */
  int halves; /* scales of a block: one for 32 columns, or two for 16 each */
} block_format;

/* Rows of x, as float32 and as 8-bit blocks. */
typedef struct {
  const float *values;   /* [T, K] */
  const int8_t *quants;  /* [T, K] */
  const float *scales;   /* [T, K/32] */
  const int32_t *biases; /* [T, K/32], -128 times the sum of the block's quants */
  const float *sums;     /* [T, K/32], scale times the sum of the block's quants */
} rows_of_x;

/* Where sums of a tile go: rows of out. The last vector of the matrix may use fewer lanes. */
typedef struct {
  float *out;
  int stride;         /* N */
  int lanes[VECTORS]; /* of each vector that are columns of the product */
} tile_of_out;

INLINE int at_most(int a, int b) { return a < b ? a : b; }

INLINE tile_of_out tile_at(float *out, int N, int group) {
  int left = N - group * GROUP;
  return (tile_of_out){out + (size_t)group * GROUP, N, {at_most(left, LANES), at_most(left - LANES, LANES)}};
}

INLINE void put(tile_of_out to, int v, int m, vf sums) {
  float *out = to.out + (size_t)m * to.stride + v * LANES;
  if (to.lanes[v] == LANES) {
    vf_store(out, sums);
  } else if (to.lanes[v] > 0) {
    vf_store_first(out, sums, to.lanes[v]);
  }
}

INLINE vf get(tile_of_out to, int v, int m) {
  const float *out = to.out + (size_t)m * to.stride + v * LANES;
  return to.lanes[v] == LANES ? vf_load(out) : to.lanes[v] > 0 ? vf_load_first(out, to.lanes[v]) : vf_set1(0);
}

INLINE size_t quant_bytes(block_format f) { return (size_t)BLOCK * LANES * f.bits / 8; }
INLINE size_t scales_offset(block_format f) { return VECTORS * quant_bytes(f); }
INLINE size_t minima_offset(block_format f) { return scales_offset(f) + (size_t)GROUP * (f.wide ? 4 * f.halves : 2); }
INLINE size_t block_bytes(block_format f) { return minima_offset(f) + (size_t)GROUP * (f.wide ? 4 : 2) * f.min; }

/* The numbers of vector v. */
INLINE vf number(block_format f, const uint8_t *numbers, int v) {
  if (f.wide) return vf_load((const float *)numbers + v * LANES);
  vi both = vi_load(numbers);
  return v == 0 ? vf_of_low_halves(both) : vf_of_high_halves(both);
}

/* Minus the error that the offset of quants adds to sums of (half) a block. */
INLINE vi offset_of_sums(block_format f, const int8_t *x, int32_t bias) {
  if (f.min) return vi_set1(0); /* quants of a format with minima have no offset */
  if (f.halves == 2) {
    vi sum = vi_set1(0), offset = vi_set1((int32_t)0x80808080);
    for (int j = 0; j < 4; j++) sum = vi_dot(sum, offset, vi_quad(x + 4 * j));
    return vi_sub(vi_set1(0), sum);
  }
  return f.bits == 4 ? vi_sar(vi_set1(bias), 4) : vi_set1(bias); /* a nibble stands 8 above its quant, a byte is made to stand 128 above */
}

/* Signed bytes as unsigned ones 128 above them, which the instruction takes; those of formats with minima are positive. */
INLINE vi vi_upward(vi quants, int positive) { return positive ? quants : vi_xor(quants, vi_set1((int32_t)0x80808080)); }

/* Adds the products of (half) a block to integer sums for M rows: exact. */
INLINE void add_products(block_format f, int M, const uint8_t *w, const int8_t *x, int K, vi s[VECTORS][ROWS]) {
  if (f.bits == 8) {
#pragma GCC unroll 8
    for (int j = 0; j < 8 / f.halves; j++) {
      vi quants[VECTORS];
#pragma GCC unroll 2
      for (int v = 0; v < VECTORS; v++) quants[v] = vi_upward(vi_load(w + v * quant_bytes(f) + LINE * j), f.min);
#pragma GCC unroll 4
      for (int m = 0; m < M; m++) {
        vi quad = vi_quad(x + (size_t)m * K + 4 * j);
#pragma GCC unroll 2
        for (int v = 0; v < VECTORS; v++) s[v][m] = vi_dot(s[v][m], quants[v], quad);
      }
    }
  } else {
    vi low = vi_set1(0x0f0f0f0f);
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
      vi first[VECTORS], second[VECTORS];
#pragma GCC unroll 2
      for (int v = 0; v < VECTORS; v++) {
        vi nibbles = vi_load(w + v * quant_bytes(f) + LINE * j);
        first[v] = vi_and(nibbles, low);
        second[v] = vi_and(vi_shr(nibbles, 4), low);
      }
#pragma GCC unroll 4
      for (int m = 0; m < M; m++) {
        vi quad = vi_quad(x + (size_t)m * K + 4 * j), later = vi_quad(x + (size_t)m * K + 4 * j + 16);
#pragma GCC unroll 2
        for (int v = 0; v < VECTORS; v++) s[v][m] = vi_dot(vi_dot(s[v][m], first[v], quad), second[v], later);
      }
    }
  }
}

/* Blocks [from,to) of a group for M rows; out holds the sums of the blocks before. Asks for the lines `ahead`, if any. */
INLINE void block_tile(block_format f, int M, const uint8_t *w, int from, int to, rows_of_x x, int K, tile_of_out into,
                       size_t ahead) {
  int blocks = K / BLOCK;
  vf acc[VECTORS][ROWS];
#pragma GCC unroll 2
  for (int v = 0; v < VECTORS; v++) {
#pragma GCC unroll 4
    for (int m = 0; m < M; m++) acc[v][m] = from == 0 ? vf_set1(0) : get(into, v, m);
  }
  for (int b = from; b < to; b++) {
    const uint8_t *block = w + (size_t)b * block_bytes(f);
    if (ahead) {
#pragma GCC unroll 24
      for (size_t i = 0; i < block_bytes(f); i += LINE) _mm_prefetch((const char *)block + ahead + i, _MM_HINT_T0);
    }
#pragma GCC unroll 2
    for (int half = 0; half < f.halves; half++) {
      const int8_t *quants = x.quants + b * BLOCK + half * BLOCK / 2;
      vi s[VECTORS][ROWS];
#pragma GCC unroll 4
      for (int m = 0; m < M; m++) {
        s[0][m] = s[1][m] = offset_of_sums(f, quants + (size_t)m * K, x.biases[m * blocks + b]);
      }
      add_products(f, M, block + half * quant_bytes(f) / 2, quants, K, s);
#pragma GCC unroll 2
      for (int v = 0; v < VECTORS; v++) {
        vf scale = number(f, block + scales_offset(f) + half * GROUP * 4, v);
#pragma GCC unroll 4
        for (int m = 0; m < M; m++) {
          vf factor = vf_mul(scale, vf_set1(x.scales[m * blocks + b]));
          acc[v][m] = vf_fma(vf_of_ints(s[v][m]), factor, acc[v][m]);
        }
      }
    }
  }
  if (f.min && to == blocks) { /* the minima's part is a separate sum over all blocks */
    for (int v = 0; v < VECTORS; v++) {
      vf least[ROWS];
      for (int m = 0; m < M; m++) least[m] = vf_set1(0);
      for (int b = 0; b < blocks; b++) {
        vf min = number(f, w + (size_t)b * block_bytes(f) + minima_offset(f), v);
        for (int m = 0; m < M; m++) least[m] = vf_fma(min, vf_set1(x.sums[m * blocks + b]), least[m]);
      }
      for (int m = 0; m < M; m++) acc[v][m] = vf_add(acc[v][m], least[m]);
    }
  }
#pragma GCC unroll 2
  for (int v = 0; v < VECTORS; v++) {
#pragma GCC unroll 4
    for (int m = 0; m < M; m++) put(into, v, m, acc[v][m]);
  }
}

INLINE void block_group(block_format f, const uint8_t *w, rows_of_x x, int T, int K, float *out, int group, int N) {
  int blocks = K / BLOCK, step = T <= ROWS ? blocks : (T < MANY ? CHUNK : WIDE_CHUNK) / BLOCK;
  for (int from = 0; from < blocks; from += step) {
    int to = at_most(from + step, blocks);
    for (int t = 0; t < T; t += ROWS) {
      size_t b = (size_t)t * blocks;
      rows_of_x part = {0, x.quants + (size_t)t * K, x.scales + b, x.biases + b, x.sums + b};
      tile_of_out into = tile_at(out + (size_t)t * N, N, group);
      switch (T - t) {
        case 1: block_tile(f, 1, w, from, to, part, K, into, T > 1 ? 0 : AHEAD); break;
        case 2: block_tile(f, 2, w, from, to, part, K, into, T > 2 ? 0 : AHEAD); break;
        case 3: block_tile(f, 3, w, from, to, part, K, into, T > 3 ? 0 : AHEAD); break;
        default: block_tile(f, ROWS, w, from, to, part, K, into, t == 0 ? AHEAD : 0);
      }
    }
  }
}

INLINE void block_groups(block_format f, const uint8_t *w, int from, int to, rows_of_x x, int T, int N, int K,
                         float *out) {
  size_t group_bytes = K / BLOCK * block_bytes(f);
  for (int g = from; g < to; g++) block_group(f, w + g * group_bytes, x, T, K, out, g, N);
}

/* Vector v of columns k and k + 1 of a group; formats of whole numbers. */
INLINE void pair_of_columns(int format, const uint8_t *w, int k, int v, vf *even, vf *odd) {
  size_t at = (size_t)k * GROUP + v * LANES;
  if (format == F32) {
    *even = vf_load((const float *)w + at);
    *odd = vf_load((const float *)w + at + GROUP);
  } else if (format == F16) {
    *even = vf_of_halves((const uint16_t *)w + at);
    *odd = vf_of_halves((const uint16_t *)w + at + GROUP);
  } else {
    vi pair = vi_load((const uint16_t *)w + (size_t)k * GROUP + v * 2 * LANES);
    *even = vf_of_bits(vi_shl(pair, 16));
    *odd = vf_of_bits(vi_and(pair, vi_set1((int32_t)0xffff0000)));
  }
}

/* Even and odd columns have a sum each; an odd last column finds zeros beside it. */
INLINE void float_tile(int format, int M, const uint8_t *w, const float *x, int K, tile_of_out into, size_t ahead) {
  size_t pair_bytes = 2 * GROUP * (format == F32 ? 4 : 2);
  vf even[VECTORS][ROWS], odd[VECTORS][ROWS];
#pragma GCC unroll 2
  for (int v = 0; v < VECTORS; v++) {
#pragma GCC unroll 4
    for (int m = 0; m < M; m++) even[v][m] = odd[v][m] = vf_set1(0);
  }
  for (int k = 0; k + 1 < K; k += 2) {
    vf first[VECTORS], second[VECTORS];
    if (ahead) {
#pragma GCC unroll 4
      for (size_t i = 0; i < pair_bytes; i += LINE) {
        _mm_prefetch((const char *)w + k / 2 * pair_bytes + ahead + i, _MM_HINT_T0);
      }
    }
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v++) pair_of_columns(format, w, k, v, &first[v], &second[v]);
#pragma GCC unroll 4
    for (int m = 0; m < M; m++) {
      vf xe = vf_set1(x[(size_t)m * K + k]), xo = vf_set1(x[(size_t)m * K + k + 1]);
#pragma GCC unroll 2
      for (int v = 0; v < VECTORS; v++) {
        even[v][m] = vf_fma(first[v], xe, even[v][m]);
        odd[v][m] = vf_fma(second[v], xo, odd[v][m]);
      }
    }
  }
  if (K % 2 == 1) {
    for (int v = 0; v < VECTORS; v++) {
      vf last, beside;
      pair_of_columns(format, w, K - 1, v, &last, &beside);
      for (int m = 0; m < M; m++) even[v][m] = vf_fma(last, vf_set1(x[(size_t)m * K + K - 1]), even[v][m]);
    }
  }
#pragma GCC unroll 2
  for (int v = 0; v < VECTORS; v++) {
#pragma GCC unroll 4
    for (int m = 0; m < M; m++) put(into, v, m, vf_add(even[v][m], odd[v][m]));
  }
}

INLINE void float_groups(int format, const uint8_t *w, int from, int to, const float *x, int T, int N, int K,
                         float *out) {
  size_t group_bytes = (size_t)(K + K % 2) * GROUP * (format == F32 ? 4 : 2);
  for (int g = from; g < to; g++) {
    const uint8_t *group = w + g * group_bytes;
    for (int t = 0; t < T; t += ROWS) {
      const float *rows = x + (size_t)t * K;
      tile_of_out into = tile_at(out + (size_t)t * N, N, g);
      switch (T - t) {
        case 1: float_tile(format, 1, group, rows, K, into, T > 1 ? 0 : AHEAD); break;
        case 2: float_tile(format, 2, group, rows, K, into, T > 2 ? 0 : AHEAD); break;
        case 3: float_tile(format, 3, group, rows, K, into, T > 3 ? 0 : AHEAD); break;
        default: float_tile(format, ROWS, group, rows, K, into, t == 0 ? AHEAD : 0);
      }
    }
  }
}

/* Groups [from,to) of the product of T rows with a packed matrix [N, K]; out [T, N]. */
EXPORT(matmul)(int format, const uint8_t *w, int from, int to, int N, int K, int T, const float *values,
               const int8_t *quants, const float *scales, const int32_t *biases, const float *sums, float *out) {
  rows_of_x x = {values, quants, scales, biases, sums};
  switch (format) {
    case F32: float_groups(F32, w, from, to, values, T, N, K, out); break;
    case F16: float_groups(F16, w, from, to, values, T, N, K, out); break;
    case BF16: float_groups(BF16, w, from, to, values, T, N, K, out); break;
    case Q8: block_groups((block_format){8, 0, 0, 1}, w, from, to, x, T, N, K, out); break;
    case Q4: block_groups((block_format){4, 0, 0, 1}, w, from, to, x, T, N, K, out); break;
    case Q8_MIN: block_groups((block_format){8, 0, 1, 1}, w, from, to, x, T, N, K, out); break;
    case Q4_MIN: block_groups((block_format){4, 0, 1, 1}, w, from, to, x, T, N, K, out); break;
    case Q8_WIDE_MIN: block_groups((block_format){8, 1, 1, 1}, w, from, to, x, T, N, K, out); break;
    case Q4_WIDE_MIN: block_groups((block_format){4, 1, 1, 1}, w, from, to, x, T, N, K, out); break;
    case Q8_HALVES: block_groups((block_format){8, 1, 0, 2}, w, from, to, x, T, N, K, out); break;
  }
}
