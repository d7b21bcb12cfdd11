// The loops around the matrix products, written once over vectors of eight floats. Each kernel file includes this in
// its own translation unit and gets code for the instructions that it is compiled for; hence the unnamed namespace.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernel.h"

namespace skein::kernel {
namespace {

constexpr int kWidth = 8;
/** A GNU extension that g++ and clang lower to whatever the target has. */
using Vector = float __attribute__((vector_size(kWidth * sizeof(float))));
using IntVector = std::int32_t __attribute__((vector_size(kWidth * sizeof(float))));

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

inline float sum_lanes(Vector v) {
  float sum = 0;
  for (int lane = 0; lane < kWidth; lane++) sum += v[lane];
  return sum;
}

/** Calls `whole(i)` for each full vector and `rest(i, n)` for the n values behind the last one. */
template <typename Whole, typename Rest>
inline void for_vectors(std::int64_t count, Whole whole, Rest rest) {
  std::int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth) whole(i);
  if (i < count) rest(i, static_cast<int>(count - i));
}

/** e^x within 2 units in the last place for |x| ≤ 87; clamped beyond. Cephes `expf` (Moshier). */
inline Vector exponential(Vector x) {
  const Vector highest = Vector{} + 87.0f;
  x = x > highest ? highest : x;
  x = x < -highest ? -highest : x;
  const Vector half = x < 0.0f ? Vector{} - 0.5f : Vector{} + 0.5f;
  const IntVector power = __builtin_convertvector(x * 1.44269504f + half, IntVector);
  const Vector rounded = __builtin_convertvector(power, Vector);
  const Vector r = x - rounded * 0.693359375f + rounded * 2.12194440e-4f;
  Vector p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const Vector mantissa = p * r * r + r + 1.0f;
  const IntVector exponent = (power + 127) << 23;
  Vector factor;
  std::memcpy(&factor, &exponent, sizeof(factor));
  return mantissa * factor;
}

inline float dot_product(const float* a, const float* b, int count) {
  Vector sum{};
  for_vectors(
      count, [&](std::int64_t i) { sum += load(a + i) * load(b + i); },
      [&](std::int64_t i, int n) { sum += load_part(a + i, n) * load_part(b + i, n); });
  return sum_lanes(sum);
}

void rms_norm(const float* x, const float* weight, float epsilon, int columns, float* y) {
  const Vector factor = Vector{} + 1.0f / std::sqrt(dot_product(x, x, columns) / static_cast<float>(columns) + epsilon);
  for_vectors(
      columns, [&](std::int64_t i) { store(y + i, load(x + i) * factor * load(weight + i)); },
      [&](std::int64_t i, int n) { store_part(y + i, load_part(x + i, n) * factor * load_part(weight + i, n), n); });
}

void swiglu(const float* gate, const float* up, std::int64_t count, float* y) {
  const auto activate = [](Vector g, Vector u) { return g * u / (exponential(-g) + 1.0f); };
  for_vectors(
      count, [&](std::int64_t i) { store(y + i, activate(load(gate + i), load(up + i))); },
      [&](std::int64_t i, int n) { store_part(y + i, activate(load_part(gate + i, n), load_part(up + i, n)), n); });
}

void softmax(float* scores, int count, float scale) {
  float highest = scores[0];
  for (int i = 1; i < count; i++) highest = scores[i] > highest ? scores[i] : highest;
  Vector sums{};
  const auto weigh = [&](Vector v) { return exponential((v - highest) * scale); };
  for_vectors(
      count,
      [&](std::int64_t i) {
        const Vector weights = weigh(load(scores + i));
        sums += weights;
        store(scores + i, weights);
      },
      [&](std::int64_t i, int n) {
        store_part(scores + i, weigh(load_part(scores + i, n)), n);
        sums += load_part(scores + i, n);
      });
  const float inverse = 1.0f / sum_lanes(sums);
  for (int i = 0; i < count; i++) scores[i] *= inverse;
}

void attend(const float* query, const float* keys, const float* values, int tokens, int head_size, float scale,
            float* scores, float* out) {
  for (int token = 0; token < tokens; token++) {
    scores[token] = dot_product(query, keys + static_cast<std::int64_t>(token) * head_size, head_size);
  }
  softmax(scores, tokens, scale);
  std::memset(out, 0, static_cast<std::size_t>(head_size) * sizeof(float));
  for (int token = 0; token < tokens; token++) {
    const float* value = values + static_cast<std::int64_t>(token) * head_size;
    const float weight = scores[token];
    for_vectors(
        head_size, [&](std::int64_t i) { store(out + i, load(out + i) + weight * load(value + i)); },
        [&](std::int64_t i, int n) {
          store_part(out + i, load_part(out + i, n) + weight * load_part(value + i, n), n);
        });
  }
}

}  // namespace
}  // namespace skein::kernel
