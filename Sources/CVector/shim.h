// Vector instructions that Swift has no name for, and without them what they do; and arithmetic that
// its compiler does not keep in vectors.
#pragma once
#include <stdint.h>

typedef uint8_t vector_ubyte64 __attribute__((ext_vector_type(64)));
typedef int8_t vector_byte64 __attribute__((ext_vector_type(64)));
typedef float vector_float16 __attribute__((ext_vector_type(16)));
typedef int16_t vector_short32 __attribute__((ext_vector_type(32)));

#ifdef __AVX2__
#include <immintrin.h>

/// a[2i] · b[2i] + a[2i + 1] · b[2i + 1] in lane i, which 16 bits must hold.
static inline __attribute__((always_inline)) vector_short32
vector_pair_products(vector_ubyte64 a, vector_byte64 b) {
  typedef uint8_t uhalf __attribute__((vector_size(32)));
  typedef int8_t half __attribute__((vector_size(32)));
  typedef int16_t sums __attribute__((ext_vector_type(16)));
  vector_short32 result;
  result.lo = (sums)_mm256_maddubs_epi16((__m256i)(uhalf)a.lo, (__m256i)(half)b.lo);
  result.hi = (sums)_mm256_maddubs_epi16((__m256i)(uhalf)a.hi, (__m256i)(half)b.hi);
  return result;
}

/// A bit for each lane of a above that of b, lowest first.
static inline __attribute__((always_inline)) uint32_t
vector_above(vector_short32 a, vector_short32 b) {
  typedef int16_t half __attribute__((vector_size(32)));
  __m256i low = _mm256_cmpgt_epi16((__m256i)(half)a.lo, (__m256i)(half)b.lo);
  __m256i high = _mm256_cmpgt_epi16((__m256i)(half)a.hi, (__m256i)(half)b.hi);
  // Packing takes halves of each by turns.
  __m256i bytes = _mm256_permute4x64_epi64(_mm256_packs_epi16(low, high), 0xD8);
  return (uint32_t)_mm256_movemask_epi8(bytes);
}

#else

static inline __attribute__((always_inline)) vector_short32
vector_pair_products(vector_ubyte64 a, vector_byte64 b) {
  typedef int16_t wide __attribute__((ext_vector_type(64)));
  wide products = __builtin_convertvector(a, wide) * __builtin_convertvector(b, wide);
  return products.even + products.odd;
}

static inline __attribute__((always_inline)) uint32_t
vector_above(vector_short32 a, vector_short32 b) {
  uint32_t above = 0;
  for (int lane = 0; lane < 32; lane++) above |= (uint32_t)(a[lane] > b[lane]) << lane;
  return above;
}

#endif

/// The greater of each pair of lanes.
static inline __attribute__((always_inline)) vector_short32
vector_greater(vector_short32 a, vector_short32 b) {
  return __builtin_elementwise_max(a, b);
}

/// The lanes that have a bit, lowest first, and `other` in the others.
static inline __attribute__((always_inline)) vector_short32
vector_kept(vector_short32 a, uint32_t bits, int16_t other) {
  typedef int16_t half __attribute__((ext_vector_type(16)));
  const half places = {1,   2,   4,    8,    16,   32,   64,    128,
                       256, 512, 1024, 2048, 4096, 8192, 16384, -32768};
  vector_short32 kept;
  kept.lo = ((half)(int16_t)bits & places) != 0;
  kept.hi = ((half)(int16_t)(bits >> 16) & places) != 0;
  return (a & kept) | ((vector_short32)other & ~kept);
}

// Sums and products are rounded one by one, as everywhere: fused, bits would differ by processor.
#pragma STDC FP_CONTRACT OFF

/// x · Φ(x) of each lane x = a + b, to 4e-7: max(x, 0) less |x| · Φ(−|x|), which is even and falls
/// to nothing. That is a polynomial in u, from −1 at 0 to 1 at 5.5 and beyond, fitted to the least
/// absolute error: 1.2e-7. Its even and its odd powers do not wait for one another.
static inline __attribute__((always_inline)) vector_float16
vector_gelu(vector_float16 a, vector_float16 b) {
  vector_float16 x = a + b, size = __builtin_elementwise_abs(x);
  vector_float16 u = (size < 5.5f ? size : (vector_float16)5.5f) * (2 / 5.5f) - 1, s = u * u;
  vector_float16 even = s * -0.015176802f + 0.096895881f;
  even = even * s - 0.253705442f;
  even = even * s + 0.269596219f;
  even = even * s + 0.152560681f;
  even = even * s - 0.62860781f;
  even = even * s + 0.178981051f;
  even = even * s + 0.191261902f;
  even = even * s + 0.0081943804f;
  vector_float16 odd = s * -0.00080536865f - 0.03640797f;
  odd = odd * s + 0.230840564f;
  odd = odd * s - 0.544098675f;
  odd = odd * s + 0.459222734f;
  odd = odd * s + 0.260516167f;
  odd = odd * s - 0.308689773f;
  odd = odd * s - 0.0605777502f;
  // Halved first, for what is twice a number may be none.
  return x * 0.5f + size * 0.5f - (even + u * odd);
}

/// with · gelu(x + a) + without · gelu(x + b).
static inline __attribute__((always_inline)) vector_float16 vector_guided_gelu(
    vector_float16 x, vector_float16 a, vector_float16 b, float with, float without) {
  return with * vector_gelu(x, a) + without * vector_gelu(x, b);
}
