// Vector instructions that Swift has no name for; without them, what they do.
#pragma once
#include <stdint.h>

typedef int16_t vector_short32 __attribute__((ext_vector_type(32)));
typedef int32_t vector_int16 __attribute__((ext_vector_type(16)));

#ifdef __AVX2__
#include <immintrin.h>

/// a[2i] · b[2i] + a[2i + 1] · b[2i + 1] in lane i.
static inline __attribute__((always_inline)) vector_int16
vector_pair_products(vector_short32 a, vector_short32 b) {
  typedef int16_t half __attribute__((vector_size(32)));
  typedef int32_t sums __attribute__((ext_vector_type(8)));
  vector_int16 result;
  result.lo = (sums)_mm256_madd_epi16((__m256i)(half)a.lo, (__m256i)(half)b.lo);
  result.hi = (sums)_mm256_madd_epi16((__m256i)(half)a.hi, (__m256i)(half)b.hi);
  return result;
}

/// A bit for each lane below 0, lowest first.
static inline __attribute__((always_inline)) uint32_t vector_signs(vector_int16 a) {
  uint32_t low = (uint32_t)_mm256_movemask_ps((__m256)a.lo);
  uint32_t high = (uint32_t)_mm256_movemask_ps((__m256)a.hi);
  return low | high << 8;
}

#else

static inline __attribute__((always_inline)) vector_int16
vector_pair_products(vector_short32 a, vector_short32 b) {
  typedef int32_t wide __attribute__((ext_vector_type(32)));
  wide products = __builtin_convertvector(a, wide) * __builtin_convertvector(b, wide);
  return products.even + products.odd;
}

static inline __attribute__((always_inline)) uint32_t vector_signs(vector_int16 a) {
  uint32_t signs = 0;
  for (int lane = 0; lane < 16; lane++) signs |= (uint32_t)(a[lane] < 0) << lane;
  return signs;
}

#endif
