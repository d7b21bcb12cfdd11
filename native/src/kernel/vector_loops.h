// The loops around the matrix products. Included by each kernel file for its own instructions, as vector.h.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "vector.h"

namespace skein::kernel {
namespace {

/** e^x within 2 units in the last place for |x| ≤ 87; clamped beyond. Cephes `expf` (Moshier). */
inline Vector exponential(Vector x) {
  const Vector highest = broadcast(87.0f);
  x = x > highest ? highest : x;
  x = x < -highest ? -highest : x;
  const Vector half = x < 0.0f ? broadcast(-0.5f) : broadcast(0.5f);
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

void rms_norm(const float* x, const float* weight, float epsilon, int columns, float* y) {
  const float factor = 1.0f / std::sqrt(dot_product(x, x, columns) / static_cast<float>(columns) + epsilon);
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
  Vector maxima = broadcast(scores[0]);
  const auto raise = [&](Vector v) { maxima = v > maxima ? v : maxima; };
  for_vectors(
      count, [&](std::int64_t i) { raise(load(scores + i)); },
      [&](std::int64_t i, int n) {
        for (int lane = 0; lane < n; lane++) raise(broadcast(scores[i + lane]));
      });
  float highest = maxima[0];
  for (int lane = 1; lane < kWidth; lane++) highest = maxima[lane] > highest ? maxima[lane] : highest;
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

/** Scores of one query against four consecutive keys. */
inline void score_four(const float* query, const float* keys, int head_size, float* scores) {
  const float* keys1 = keys + head_size;
  const float* keys2 = keys1 + head_size;
  const float* keys3 = keys2 + head_size;
  // One variable each: g++ would clear an array with a slow string instruction.
  Vector sum0{}, sum1{}, sum2{}, sum3{};
  const auto add = [&](std::int64_t i, auto load_at) {
    const Vector q = load_at(query + i);
    sum0 += q * load_at(keys + i);
    sum1 += q * load_at(keys1 + i);
    sum2 += q * load_at(keys2 + i);
    sum3 += q * load_at(keys3 + i);
  };
  for_vectors(
      head_size, [&](std::int64_t i) { add(i, [](const float* from) { return load(from); }); },
      [&](std::int64_t i, int n) { add(i, [n](const float* from) { return load_part(from, n); }); });
  sum_lanes(sum0, sum1, sum2, sum3, scores);
}

/** `Count` vectors of columns of weights · values; the sums stay in registers over all tokens. */
template <int Count>
inline void weigh_columns(const float* weights, const float* values, int tokens, int head_size, float* out) {
  Vector sums[Count] = {};
  for (int token = 0; token < tokens; token++) {
    const float* value = values + static_cast<std::int64_t>(token) * head_size;
    for (int i = 0; i < Count; i++) sums[i] += weights[token] * load(value + i * kWidth);
  }
  for (int i = 0; i < Count; i++) store(out + i * kWidth, sums[i]);
}

void attend(const float* query, const float* keys, const float* values, int tokens, int head_size, float scale,
            float* scores, float* out) {
  int token = 0;
  for (; token + 4 <= tokens; token += 4) {
    score_four(query, keys + static_cast<std::int64_t>(token) * head_size, head_size, scores + token);
  }
  for (; token < tokens; token++) {
    scores[token] = dot_product(query, keys + static_cast<std::int64_t>(token) * head_size, head_size);
  }
  softmax(scores, tokens, scale);
  constexpr int kColumns = 4;
  int column = 0;
  for (; column + kColumns * kWidth <= head_size; column += kColumns * kWidth) {
    weigh_columns<kColumns>(scores, values + column, tokens, head_size, out + column);
  }
  for (; column + kWidth <= head_size; column += kWidth) {
    weigh_columns<1>(scores, values + column, tokens, head_size, out + column);
  }
  for (; column < head_size; column++) {
    float sum = 0;
    for (int t = 0; t < tokens; t++) sum += scores[t] * values[static_cast<std::int64_t>(t) * head_size + column];
    out[column] = sum;
  }
}

}  // namespace
}  // namespace skein::kernel
