/*
 * The verbs beside products, for one instruction set; see products.c for how they are compiled and what they agree with.
 * Rows are contiguous; HD is the dimension of a head.
 */
#include <math.h>

#include "lanes.h"

#define BLOCK 32           /* elements that share a scale */
#define LARGEST_QUANT 127
#define SMALLEST_NORMAL 0x1p-126f
#define ROUNDING 0x1.8p23f /* added and taken off again, rounds to a whole number */
#define MOST_HEADS 4       /* that share each load of keys and values */
#define MOST_VECTORS 4     /* of positions or dimensions that go together: independent sums */

/*
 * e^x to about 1e-7, out of exactly rounded operations alone: x = n ln 2 + r, |r| <= ln 2 / 2, with ln 2 in two parts
 * (Cody and Waite), and the Taylor polynomial of degree 7 in r. Below -87 it is 0, above 88 it stays e^88.
 */
INLINE vf vf_exp(vf x) {
  vf held = vf_min(vf_set1(88.f), vf_max(vf_set1(-87.f), x)); /* in this order NaN stays */
  vf shifted = vf_add(vf_mul(held, vf_set1(1.44269504f)), vf_set1(ROUNDING));
  vf n = vf_sub(shifted, vf_set1(ROUNDING));
  vf r = vf_fma(n, vf_set1(-0.693359375f), held);
  r = vf_fma(n, vf_set1(2.12194440e-4f), r);
  vf p = vf_set1(1.f / 5040);
  p = vf_fma(p, r, vf_set1(1.f / 720));
  p = vf_fma(p, r, vf_set1(1.f / 120));
  p = vf_fma(p, r, vf_set1(1.f / 24));
  p = vf_fma(p, r, vf_set1(1.f / 6));
  p = vf_fma(p, r, vf_set1(0.5f));
  p = vf_fma(p, r, vf_set1(1));
  p = vf_fma(p, r, vf_set1(1));
  vi exponent = vi_add(vi_sub(vi_of_bits(shifted), vi_of_bits(vf_set1(ROUNDING))), vi_set1(127));
  return vf_zero_below(vf_mul(p, vf_of_bits(vi_shl(exponent, 23))), x, -87.f);
}

/* out = weight * x / sqrt(mean(x^2) + eps) over the row at `at` of both. */
EXPORT(norm)(const float *x, int at, int width, const float *weight, float eps, float *out) {
  vf sum = vf_set1(0);
  int i = 0;
  x += at;
  out += at;
  for (; i + LANES <= width; i += LANES) sum = vf_fma(vf_load(x + i), vf_load(x + i), sum);
  if (i < width) {
    vf last = vf_load_first(x + i, width - i);
    sum = vf_fma(last, last, sum);
  }
  float inverse = 1.f / sqrtf(fold(sum) / width + eps);
  for (i = 0; i + LANES <= width; i += LANES) {
    vf_store(out + i, vf_mul(vf_load(weight + i), vf_mul(vf_load(x + i), vf_set1(inverse))));
  }
  for (; i < width; i++) out[i] = weight[i] * (x[i] * inverse);
}

/* Blocks [from,to) of 8-bit numbers: scale = max|x| / 127, quant = x / scale rounded to even. */
EXPORT(quantize)(const float *x, int from, int to, int8_t *quants, float *scales, int32_t *biases, float *sums) {
  for (int b = from; b < to; b++) {
    vf first = vf_load(x + b * BLOCK), second = vf_load(x + b * BLOCK + LANES);
    float scale = vf_largest(first, second) / LARGEST_QUANT;
    vf inverse = vf_set1(scale < SMALLEST_NORMAL ? 0 : 1 / scale), rounding = vf_set1(ROUNDING);
    vi offset = vi_of_bits(rounding);
    vi low = vi_sub(vi_of_bits(vf_add(vf_mul(first, inverse), rounding)), offset);
    vi high = vi_sub(vi_of_bits(vf_add(vf_mul(second, inverse), rounding)), offset);
    vi_store_bytes(quants + b * BLOCK, low);
    vi_store_bytes(quants + b * BLOCK + LANES, high);
    int32_t sum = vi_fold(vi_add(low, high));
    scales[b] = scale;
    biases[b] = -128 * sum;
    sums[b] = scale * sum;
  }
}

INLINE vf part(const float *p, int n) { return n == LANES ? vf_load(p) : vf_load_first(p, n); }

INLINE void put_part(float *p, vf a, int n) {
  if (n == LANES) {
    vf_store(p, a);
  } else {
    vf_store_first(p, a, n);
  }
}

INLINE int lanes_left(int count) { return count < LANES ? count : LANES; }

/* gate = silu(gate) * up for elements [from,to) */
EXPORT(swiglu)(float *gate, const float *up, int from, int to) {
  for (int i = from; i < to; i += LANES) {
    int n = lanes_left(to - i);
    vf g = part(gate + i, n);
    vf silu = vf_div(g, vf_add(vf_exp(vf_sub(vf_set1(0), g)), vf_set1(1)));
    put_part(gate + i, vf_mul(silu, part(up + i, n)), n);
  }
}

/* Heads of x from `at` on turn by the angles at `angle`; pairs are (i, i + half). */
EXPORT(rope)(float *x, int at, int heads, int half, const float *cos, const float *sin, int angle) {
  x += at;
  cos += angle;
  sin += angle;
  for (int head = 0; head < heads; head++, x += 2 * half) {
    int i = 0;
    for (; i + LANES <= half; i += LANES) {
      vf a = vf_load(x + i), b = vf_load(x + half + i), c = vf_load(cos + i), s = vf_load(sin + i);
      vf_store(x + i, vf_sub(vf_mul(a, c), vf_mul(b, s)));
      vf_store(x + half + i, vf_add(vf_mul(b, c), vf_mul(a, s)));
    }
    for (; i < half; i++) {
      float a = x[i], b = x[half + i];
      x[i] = a * cos[i] - b * sin[i];
      x[half + i] = b * cos[i] + a * sin[i];
    }
  }
}

/*
 * out = scales[i / 32, p] * quants[i, p] for dimensions [first, first + HD) of a page's keys and its positions, whole
 * vectors of them; rows of all three have `stride` positions.
 */
EXPORT(widen_keys)(const int8_t *quants, const float *scales, int first, int HD, int stride, int positions,
                   float *out) {
  for (int i = first; i < first + HD; i++) {
    size_t row = (size_t)i * stride, scale = (size_t)(i / BLOCK) * stride;
    for (int p = 0; p < positions; p += LANES) {
      vf_store(out + row + p, vf_mul(vf_of_bytes(quants + row + p), vf_load(scales + scale + p)));
    }
  }
}

/* out = scales[i / 32] * quants[i] for elements [from,to) of a page's values, whole blocks. */
EXPORT(widen_values)(const int8_t *quants, const float *scales, int from, int to, float *out) {
  for (int i = from; i < to; i += BLOCK) {
    vf scale = vf_set1(scales[i / BLOCK]);
    vf_store(out + i, vf_mul(vf_of_bytes(quants + i), scale));
    vf_store(out + i + LANES, vf_mul(vf_of_bytes(quants + i + LANES), scale));
  }
}

/* Vectors of positions [p, p + vectors * 16) of a page. */
INLINE void scores_at(int heads, int vectors, const float *keys, int stride, int p, const float *q, int HD, float scale,
                      float *scores, int row) {
  vf s[MOST_HEADS][MOST_VECTORS];
#pragma GCC unroll 4
  for (int h = 0; h < heads; h++) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) s[h][v] = vf_set1(0);
  }
  for (int i = 0; i < HD; i++) {
    vf k[MOST_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) k[v] = vf_load(keys + (size_t)i * stride + p + v * LANES);
#pragma GCC unroll 4
    for (int h = 0; h < heads; h++) {
      vf element = vf_set1(q[h * HD + i]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++) s[h][v] = vf_fma(k[v], element, s[h][v]);
    }
  }
#pragma GCC unroll 4
  for (int h = 0; h < heads; h++) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      vf_store(scores + (size_t)h * row + p + v * LANES, vf_mul(s[h][v], vf_set1(scale)));
    }
  }
}

INLINE void scores_of(int heads, const float *keys, int stride, int positions, const float *q, int HD, float scale,
                      float *scores, int row) {
  int vectors = (positions + LANES - 1) / LANES, v = 0;
  for (; v + MOST_VECTORS <= vectors; v += MOST_VECTORS) {
    scores_at(heads, MOST_VECTORS, keys, stride, v * LANES, q, HD, scale, scores, row);
  }
  for (; v < vectors; v++) scores_at(heads, 1, keys, stride, v * LANES, q, HD, scale, scores, row);
}

/*
 * scores[h, p] = q[h] . key[p] * scale for the positions of a page. keys from `key` on: [HD, stride], whole vectors of
 * positions may be read and written; q from `query` on: [heads, HD]; scores from `score` on: rows of `row` numbers.
 */
EXPORT(scores)(int heads, const float *keys, int key, int stride, int positions, const float *q, int query, int HD,
               float scale, float *scores, int score, int row) {
  keys += key;
  q += query;
  scores += score;
  for (; heads >= MOST_HEADS; heads -= MOST_HEADS, q += MOST_HEADS * HD, scores += (size_t)MOST_HEADS * row) {
    scores_of(MOST_HEADS, keys, stride, positions, q, HD, scale, scores, row);
  }
  switch (heads) {
    case 1: scores_of(1, keys, stride, positions, q, HD, scale, scores, row); break;
    case 2: scores_of(2, keys, stride, positions, q, HD, scale, scores, row); break;
    case 3: scores_of(3, keys, stride, positions, q, HD, scale, scores, row); break;
  }
}

/*
 * Numerators of the softmax: each row of scores becomes e^(score - the largest). totals[h], the denominator, is its sum,
 * lane p mod 16 apart, then folded.
 */
EXPORT(softmax_numerators)(int heads, int positions, float *scores, int row, float *totals) {
  int whole = (positions + LANES - 1) / LANES * LANES;
  for (int h = 0; h < heads; h++, scores += row) {
    for (int p = positions; p < whole; p++) scores[p] = -INFINITY; /* e^x of it is 0: it counts for nothing */
    vf most = vf_set1(-INFINITY), total = vf_set1(0);
    for (int p = 0; p < whole; p += LANES) most = vf_max(most, vf_load(scores + p));
    vf largest = vf_set1(vf_most(most));
    for (int p = 0; p < whole; p += LANES) {
      vf weight = vf_exp(vf_sub(vf_load(scores + p), largest));
      vf_store(scores + p, weight);
      total = vf_add(total, weight);
    }
    totals[h] = fold(total);
  }
}

/* Vectors of dimensions [d, d + vectors * 16); n of the last one's lanes exist. */
INLINE void weighted_sum_at(int heads, int vectors, const float *values, int positions, const float *weights, int row,
                            int HD, int first, float *out, int d, int n) {
  vf sum[MOST_HEADS][MOST_VECTORS];
#pragma GCC unroll 4
  for (int h = 0; h < heads; h++) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      sum[h][v] = first ? vf_set1(0) : part(out + h * HD + d + v * LANES, v + 1 < vectors ? LANES : n);
    }
  }
  for (int p = 0; p < positions; p++) {
    vf value[MOST_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      value[v] = part(values + (size_t)p * HD + d + v * LANES, v + 1 < vectors ? LANES : n);
    }
#pragma GCC unroll 4
    for (int h = 0; h < heads; h++) {
      vf weight = vf_set1(weights[(size_t)h * row + p]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++) sum[h][v] = vf_fma(value[v], weight, sum[h][v]);
    }
  }
#pragma GCC unroll 4
  for (int h = 0; h < heads; h++) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      put_part(out + h * HD + d + v * LANES, sum[h][v], v + 1 < vectors ? LANES : n);
    }
  }
}

INLINE void weighted_sum_of(int heads, const float *values, int positions, const float *weights, int row, int HD,
                            int first, float *out) {
  int d = 0;
  for (; d + MOST_VECTORS * LANES <= HD; d += MOST_VECTORS * LANES) {
    weighted_sum_at(heads, MOST_VECTORS, values, positions, weights, row, HD, first, out, d, LANES);
  }
  for (; d < HD; d += LANES) {
    weighted_sum_at(heads, 1, values, positions, weights, row, HD, first, out, d, lanes_left(HD - d));
  }
}

/*
 * Adds weights[h, p] * value[p] over the positions of a page to out[h], or begins with them. values from `value` on:
 * [positions, HD]; weights from `weight` on: rows of `row` numbers; out from `into` on: [heads, HD].
 */
EXPORT(weighted_sum)(int heads, const float *values, int value, int positions, const float *weights, int weight, int row,
                     int HD, int first, float *out, int into) {
  values += value;
  weights += weight;
  out += into;
  for (; heads >= MOST_HEADS; heads -= MOST_HEADS, weights += (size_t)MOST_HEADS * row, out += MOST_HEADS * HD) {
    weighted_sum_of(MOST_HEADS, values, positions, weights, row, HD, first, out);
  }
  switch (heads) {
    case 1: weighted_sum_of(1, values, positions, weights, row, HD, first, out); break;
    case 2: weighted_sum_of(2, values, positions, weights, row, HD, first, out); break;
    case 3: weighted_sum_of(3, values, positions, weights, row, HD, first, out); break;
  }
}

/* Divides by the denominators of the softmax: out[h] /= totals[h], out from `into` on: [heads, HD] */
EXPORT(normalise)(int heads, int HD, const float *totals, float *out, int into) {
  out += into;
  for (int h = 0; h < heads; h++) {
    vf total = vf_set1(totals[h]);
    for (int d = 0; d < HD; d += LANES) {
      int n = lanes_left(HD - d);
      put_part(out + h * HD + d, vf_div(part(out + h * HD + d, n), total), n);
    }
  }
}

/* x += delta for elements [from,to) */
EXPORT(add)(float *x, const float *delta, int from, int to) {
  for (int i = from; i < to; i++) x[i] += delta[i];
}
