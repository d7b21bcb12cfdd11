// Vectors of floats in the registers of the target. Each kernel file includes this and what builds on it in its own
// translation unit and gets code for the instructions that it is compiled for; hence the unnamed namespace.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX__)
#include <immintrin.h>
#endif

namespace skein::kernel {
namespace {

/** Floats in a register: g++ keeps wider vectors in memory. */
#if defined(__AVX__)
constexpr int kWidth = 8;
#else
constexpr int kWidth = 4;
#endif
/** A GNU extension that g++ and clang turn into the instructions of the target. */
using Vector = float __attribute__((vector_size(kWidth * sizeof(float))));
using IntVector = std::int32_t __attribute__((vector_size(kWidth * sizeof(float))));
using WordVector = std::uint32_t __attribute__((vector_size(kWidth * sizeof(float))));

/** Subtracting nothing is free, unlike adding it: -0 + 0 is not -0. */
inline Vector broadcast(float value) { return value - Vector{}; }

inline Vector load(const float* from) {
  Vector v;
  std::memcpy(&v, from, sizeof(v));
  return v;
}

/** The first `count` floats, the others 0. */
inline Vector load_part(const float* from, int count) {
  Vector v{};
  std::memcpy(&v, from, static_cast<std::size_t>(count) * sizeof(float));
  return v;
}

inline void store(float* to, Vector v) { std::memcpy(to, &v, sizeof(v)); }

inline void store_part(float* to, Vector v, int count) {
  std::memcpy(to, &v, static_cast<std::size_t>(count) * sizeof(float));
}

/** The sums of the lanes of four vectors. */
inline void sum_lanes(Vector a, Vector b, Vector c, Vector d, float* sums) {
#if defined(__AVX__)
  const Vector ab = __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14) +
                    __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
  const Vector cd = __builtin_shufflevector(c, d, 0, 8, 2, 10, 4, 12, 6, 14) +
                    __builtin_shufflevector(c, d, 1, 9, 3, 11, 5, 13, 7, 15);
  const Vector halves = __builtin_shufflevector(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13) +
                        __builtin_shufflevector(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15);
  const auto four = __builtin_shufflevector(halves, halves, 0, 1, 2, 3) +
                    __builtin_shufflevector(halves, halves, 4, 5, 6, 7);
  std::memcpy(sums, &four, sizeof(four));
#else
  const Vector ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Vector cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
  store(sums, __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7));
#endif
}

/** One value in the lower half of the lanes, another in the upper half. */
inline Vector halves(float low, float high) {
#if defined(__AVX__)
  // Written as instructions: g++ would build it in memory and wait for that.
  return _mm256_set_m128(_mm_set1_ps(high), _mm_set1_ps(low));
#else
  return Vector{low, low, high, high};
#endif
}

inline float sum_lanes(Vector v) {
#if defined(__AVX__)
  const auto four = __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
#else
  const auto four = v;
#endif
  const auto two = four + __builtin_shufflevector(four, four, 2, 3, 2, 3);
  return two[0] + two[1];
}

/** Calls `whole(i)` for each full vector and `rest(i, n)` for the n values behind the last one. */
template <typename Whole, typename Rest>
inline void for_vectors(std::int64_t count, Whole whole, Rest rest) {
  std::int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth) whole(i);
  if (i < count) rest(i, static_cast<int>(count - i));
}

/** Adds a · b to the lanes of `sums`, but for what fills no vector, which it returns. */
inline float add_products(const float* a, const float* b, int count, Vector& sums) {
  float rest = 0;
  int i = 0;
  for (; i + kWidth <= count; i += kWidth) sums += load(a + i) * load(b + i);
  for (; i < count; i++) rest += a[i] * b[i];
  return rest;
}

/** The sum of a · b. */
inline float dot_product(const float* a, const float* b, int count) {
  Vector sums{};
  const float rest = add_products(a, b, count, sums);
  return sum_lanes(sums) + rest;
}

}  // namespace
}  // namespace skein::kernel
