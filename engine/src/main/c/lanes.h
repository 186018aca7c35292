/*
 * Sixteen logical lanes: the vector that every kernel is written in. A lane is one float or one 32-bit integer. AVX-512
 * holds it in one register, AVX2 in two. Every operation rounds once, lane by lane, so that all of them give the same
 * bits; sums across lanes are folded in halves (fold), never by an instruction whose order is its own.
 */
#ifndef LAYERMESH_LANES_H
#define LAYERMESH_LANES_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

/* A function of the library, named after the instruction set that it is compiled for. */
#define PASTE(name, isa) layermesh_##name##_##isa
#define NAME(name, isa) PASTE(name, isa)
#define EXPORT(name) __attribute__((visibility("default"))) void NAME(name, ISA)

#define INLINE static inline __attribute__((always_inline))
#define LANES 16

#if defined(__AVX512F__)

typedef __m512 vf;
typedef __m512i vi;

INLINE vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
INLINE void vf_store(float *p, vf a) { _mm512_storeu_ps(p, a); }
INLINE vf vf_load_first(const float *p, int n) { return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p); }
INLINE void vf_store_first(float *p, vf a, int n) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), a); }
INLINE vf vf_set1(float x) { return _mm512_set1_ps(x); }
INLINE vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
INLINE vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
INLINE vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
INLINE vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
/* b where a or b is NaN. */
INLINE vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
INLINE vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
INLINE vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
INLINE vf vf_of_ints(vi a) { return _mm512_cvtepi32_ps(a); }
INLINE vf vf_of_bytes(const int8_t *p) {
  return vf_of_ints(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}
INLINE vf vf_of_halves(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
INLINE vf vf_of_low_halves(vi a) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(a)); }
INLINE vf vf_of_high_halves(vi a) { return vf_of_low_halves(_mm512_srli_epi32(a, 16)); }
INLINE vf vf_of_bits(vi a) { return _mm512_castsi512_ps(a); }
INLINE vi vi_of_bits(vf a) { return _mm512_castps_si512(a); }
INLINE vf vf_zero_below(vf a, vf x, float least) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, _mm512_set1_ps(least), _CMP_NLT_UQ), a);
}
INLINE vi vi_load(const void *p) { return _mm512_loadu_si512(p); }
INLINE vi vi_set1(int32_t x) { return _mm512_set1_epi32(x); }
INLINE vi vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
INLINE vi vi_sub(vi a, vi b) { return _mm512_sub_epi32(a, b); }
INLINE vi vi_and(vi a, vi b) { return _mm512_and_si512(a, b); }
INLINE vi vi_xor(vi a, vi b) { return _mm512_xor_si512(a, b); }
INLINE vi vi_shl(vi a, int n) { return _mm512_slli_epi32(a, n); }
INLINE vi vi_shr(vi a, int n) { return _mm512_srli_epi32(a, n); }
INLINE vi vi_sar(vi a, int n) { return _mm512_srai_epi32(a, n); }
/* Four signed bytes of x, seen by every lane. */
INLINE vi vi_quad(const int8_t *x) {
  int32_t quad;
  memcpy(&quad, x, sizeof quad);
  return _mm512_set1_epi32(quad);
}
/* sum + the four unsigned bytes of w times the four signed bytes of x, in every lane. */
INLINE vi vi_dot(vi sum, vi w, vi x) { return _mm512_dpbusd_epi32(sum, w, x); }
/* The lanes as signed bytes. */
INLINE void vi_store_bytes(int8_t *p, vi a) { _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(a)); }

INLINE float fold(vf a) {
  __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
INLINE int32_t vi_fold(vi a) { return _mm512_reduce_add_epi32(a); }
INLINE float vf_most(vf a) { return _mm512_reduce_max_ps(a); }
/* The largest magnitude; NaN where there is one, whose bits are above those of every number. */
INLINE float vf_largest(vf a, vf b) {
  vi bits = _mm512_max_epi32(_mm512_castps_si512(_mm512_abs_ps(a)), _mm512_castps_si512(_mm512_abs_ps(b)));
  int32_t most = _mm512_reduce_max_epi32(bits);
  float largest;
  memcpy(&largest, &most, sizeof largest);
  return largest;
}

#elif defined(__AVX2__)

typedef struct { __m256 lo, hi; } vf;
typedef struct { __m256i lo, hi; } vi;

#define EACH_F(op) ((vf){op(a.lo), op(a.hi)})
#define BOTH_F(op) ((vf){op(a.lo, b.lo), op(a.hi, b.hi)})
#define BOTH_I(op) ((vi){op(a.lo, b.lo), op(a.hi, b.hi)})

INLINE vf vf_load(const float *p) { return (vf){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
INLINE void vf_store(float *p, vf a) { _mm256_storeu_ps(p, a.lo); _mm256_storeu_ps(p + 8, a.hi); }
INLINE vf vf_load_first(const float *p, int n) {
  float all[LANES] = {0};
  memcpy(all, p, n * sizeof(float));
  return vf_load(all);
}
INLINE void vf_store_first(float *p, vf a, int n) {
  float all[LANES];
  vf_store(all, a);
  memcpy(p, all, n * sizeof(float));
}
INLINE vf vf_set1(float x) { return (vf){_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
INLINE vf vf_add(vf a, vf b) { return BOTH_F(_mm256_add_ps); }
INLINE vf vf_sub(vf a, vf b) { return BOTH_F(_mm256_sub_ps); }
INLINE vf vf_mul(vf a, vf b) { return BOTH_F(_mm256_mul_ps); }
INLINE vf vf_div(vf a, vf b) { return BOTH_F(_mm256_div_ps); }
INLINE vf vf_max(vf a, vf b) { return BOTH_F(_mm256_max_ps); }
INLINE vf vf_min(vf a, vf b) { return BOTH_F(_mm256_min_ps); }
INLINE vf vf_fma(vf a, vf b, vf c) {
  return (vf){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
INLINE vf vf_of_ints(vi a) { return EACH_F(_mm256_cvtepi32_ps); }
INLINE vf vf_of_bytes(const int8_t *p) {
  return vf_of_ints((vi){_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)),
                         _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(p + 8)))});
}
INLINE vf vf_of_halves(const uint16_t *p) {
  return (vf){_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)),
              _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 8)))};
}
/* Finite binary16 numbers in the upper halves: an exact product puts the bias of binary32 in place of theirs. */
INLINE __m256 finite8(__m256i a) {
  __m256i magnitude = _mm256_srli_epi32(_mm256_and_si256(a, _mm256_set1_epi32(0x7fff0000)), 3);
  __m256 scaled = _mm256_mul_ps(_mm256_castsi256_ps(magnitude), _mm256_set1_ps(0x1p112f));
  return _mm256_or_ps(scaled, _mm256_and_ps(_mm256_castsi256_ps(a), _mm256_set1_ps(-0.f)));
}
INLINE vf vf_of_high_halves(vi a) { return (vf){finite8(a.lo), finite8(a.hi)}; }
INLINE vf vf_of_low_halves(vi a) {
  return (vf){finite8(_mm256_slli_epi32(a.lo, 16)), finite8(_mm256_slli_epi32(a.hi, 16))};
}
INLINE vf vf_of_bits(vi a) { return EACH_F(_mm256_castsi256_ps); }
INLINE vi vi_of_bits(vf a) { return (vi){_mm256_castps_si256(a.lo), _mm256_castps_si256(a.hi)}; }
INLINE vf vf_zero_below(vf a, vf x, float least) {
  __m256 l = _mm256_set1_ps(least);
  return (vf){_mm256_and_ps(a.lo, _mm256_cmp_ps(x.lo, l, _CMP_NLT_UQ)),
              _mm256_and_ps(a.hi, _mm256_cmp_ps(x.hi, l, _CMP_NLT_UQ))};
}
INLINE vi vi_load(const void *p) {
  return (vi){_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)p + 1)};
}
INLINE vi vi_set1(int32_t x) { return (vi){_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
INLINE vi vi_add(vi a, vi b) { return BOTH_I(_mm256_add_epi32); }
INLINE vi vi_sub(vi a, vi b) { return BOTH_I(_mm256_sub_epi32); }
INLINE vi vi_and(vi a, vi b) { return BOTH_I(_mm256_and_si256); }
INLINE vi vi_xor(vi a, vi b) { return BOTH_I(_mm256_xor_si256); }
INLINE vi vi_shl(vi a, int n) { return (vi){_mm256_slli_epi32(a.lo, n), _mm256_slli_epi32(a.hi, n)}; }
INLINE vi vi_shr(vi a, int n) { return (vi){_mm256_srli_epi32(a.lo, n), _mm256_srli_epi32(a.hi, n)}; }
INLINE vi vi_sar(vi a, int n) { return (vi){_mm256_srai_epi32(a.lo, n), _mm256_srai_epi32(a.hi, n)}; }
INLINE vi vi_quad(const int8_t *x) {
  int32_t quad;
  memcpy(&quad, x, sizeof quad);
  return vi_set1(quad);
}
/* Without VNNI: even and odd bytes as 16-bit numbers, so that nothing saturates. */
INLINE __m256i dot8(__m256i sum, __m256i w, __m256i x) {
  __m256i low = _mm256_set1_epi16(0xff);
  __m256i even = _mm256_madd_epi16(_mm256_and_si256(w, low), _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8));
  __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(w, 8), _mm256_srai_epi16(x, 8));
  return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
}
INLINE vi vi_dot(vi sum, vi w, vi x) { return (vi){dot8(sum.lo, w.lo, x.lo), dot8(sum.hi, w.hi, x.hi)}; }
INLINE void vi_store_bytes(int8_t *p, vi a) {
  int32_t all[LANES];
  _mm256_storeu_si256((__m256i *)all, a.lo);
  _mm256_storeu_si256((__m256i *)(all + 8), a.hi);
  for (int i = 0; i < LANES; i++) p[i] = (int8_t)all[i];
}

INLINE float fold(vf a) {
  __m256 eight = _mm256_add_ps(a.lo, a.hi);
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
INLINE int32_t vi_fold(vi a) {
  __m256i eight = _mm256_add_epi32(a.lo, a.hi);
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
}
INLINE float vf_largest(vf a, vf b) {
  __m256i bits = _mm256_set1_epi32(0x7fffffff);
  __m256i first = _mm256_max_epi32(_mm256_and_si256(_mm256_castps_si256(a.lo), bits),
                                   _mm256_and_si256(_mm256_castps_si256(a.hi), bits));
  __m256i second = _mm256_max_epi32(_mm256_and_si256(_mm256_castps_si256(b.lo), bits),
                                    _mm256_and_si256(_mm256_castps_si256(b.hi), bits));
  __m256i eight = _mm256_max_epi32(first, second);
  __m128i four = _mm_max_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  __m128i two = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return _mm_cvtss_f32(_mm_castsi128_ps(_mm_max_epi32(two, _mm_shuffle_epi32(two, 0xb1))));
}
INLINE float vf_most(vf a) {
  __m256 eight = _mm256_max_ps(a.lo, a.hi);
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

#endif
#endif
