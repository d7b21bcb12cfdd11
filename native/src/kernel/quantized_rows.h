// Products with quantised rows. Included by each kernel file for its own instructions, as vector.h.
//
// A vector of packed words yields its values by shifts that are the same for all lanes: value i of every word at once.
// So activations are brought into that order once per product, instead of every weight into natural order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernel.h"
#include "vector.h"

namespace skein::kernel {
namespace {

/** Activation rows multiplied per pass over a weight row: as many sums as registers hold. */
constexpr int kRowsPerPass = 4;

template <int Bits>
struct Packing {
  static constexpr int kPerWord = 32 / Bits;
  /** Values in one vector of words. */
  static constexpr int kValues = kWidth * kPerWord;
  static constexpr std::int32_t kMask = (1 << Bits) - 1;

  static int steps(int columns) { return (columns + kValues - 1) / kValues; }
};

template <int Bits>
struct Row {
  using P = Packing<Bits>;
  const std::uint32_t* words;
  const float* scales;
  const float* biases;
  int columns;

  Row(const QuantizedMatrix& matrix, int row)
      : words(matrix.weight + static_cast<std::int64_t>(row) * matrix.columns / P::kPerWord),
        scales(matrix.scales + static_cast<std::int64_t>(row) * matrix.columns / kGroupSize),
        biases(matrix.biases + static_cast<std::int64_t>(row) * matrix.columns / kGroupSize),
        columns(matrix.columns) {}

  int whole_steps() const { return columns / P::kValues; }

  /** The words of a step; those behind the end of the row are 0. */
  template <bool Whole>
  WordVector load_words(int step) const {
    WordVector v{};
    const std::size_t count = Whole ? kWidth : columns / P::kPerWord - step * kWidth;
    std::memcpy(&v, words + step * kWidth, count * sizeof(std::uint32_t));
    return v;
  }

  /** The factor of the group of each lane, from scales or biases; of groups behind the end of the row it is 0. */
  template <bool Whole>
  Vector spread(const float* factors, int step) const {
    const float* first = factors + step * P::kValues / kGroupSize;
    if constexpr (P::kValues <= kGroupSize) return broadcast(first[0]);
    static_assert(P::kValues <= 2 * kGroupSize);
    return halves(first[0], Whole ? first[1] : 0.0f);
  }
};

template <int Bits>
inline Vector value(WordVector words, int i) {
  const auto shifted = reinterpret_cast<IntVector>(words >> (Bits * i));
  return __builtin_convertvector(shifted & Packing<Bits>::kMask, Vector);
}

/** Adds one step of a weight row times `Rows` interleaved activation rows to `sums`. */
template <bool Whole, int Bits, int Rows>
inline void multiply_step(const Row<Bits>& row, int step, const float* x, Vector* sums) {
  using P = Packing<Bits>;
  const WordVector words = row.template load_words<Whole>(step);
  // Constant distances from one pointer: the offsets of separate rows would not fit into registers.
  const float* values = x + static_cast<std::int64_t>(step) * P::kValues * Rows;
  // One chain of sums each: the processor has the next step's in work beside them.
  Vector parts[Rows];
  for (int i = 0; i < P::kPerWord; i++) {
    const Vector q = value<Bits>(words, i);
    for (int r = 0; r < Rows; r++) {
      const Vector product = q * load(values + (i * Rows + r) * kWidth);
      parts[r] = i == 0 ? product : parts[r] + product;
    }
  }
  const Vector scale = row.template spread<Whole>(row.scales, step);
  for (int r = 0; r < Rows; r++) sums[r] += scale * parts[r];
}

template <int Bits, int Rows>
void multiply_row(const Row<Bits>& row, const float* x, const float* group_sums, float* y, std::int64_t y_stride) {
  const int groups = row.columns / kGroupSize;
  Vector sums[Rows];
  for (int r = 0; r < Rows; r++) sums[r] = Vector{};
  const int whole = row.whole_steps();
  for (int step = 0; step < whole; step++) multiply_step<true, Bits, Rows>(row, step, x, sums);
  if (whole < Packing<Bits>::steps(row.columns)) multiply_step<false, Bits, Rows>(row, whole, x, sums);
  for (int r = 0; r < Rows; r++) {
    const float* row_sums = group_sums + static_cast<std::int64_t>(r) * groups;
    const float rest = add_products(row.biases, row_sums, groups, sums[r]);
    y[r * y_stride] = sum_lanes(sums[r]) + rest;
  }
}

template <int Bits>
void multiply_rows(const QuantizedMatrix& matrix, const Activations& x, float* y, std::int64_t y_stride, int begin,
                   int end) {
  const int groups = matrix.columns / kGroupSize;
  for (int n = begin; n < end; n++) {
    const Row<Bits> row(matrix, n);
    for (int r = 0; r < x.rows; r += kRowsPerPass) {
      const auto pass = [&](auto multiply) {
        multiply(row, x.values + r * x.stride, x.group_sums + static_cast<std::int64_t>(r) * groups,
                 y + r * y_stride + n, y_stride);
      };
      switch (x.rows - r) {
        case 1: pass(multiply_row<Bits, 1>); break;
        case 2: pass(multiply_row<Bits, 2>); break;
        case 3: pass(multiply_row<Bits, 3>); break;
        default: pass(multiply_row<Bits, kRowsPerPass>); break;
      }
    }
  }
}

template <bool Whole, int Bits>
inline void dequantize_step(const Row<Bits>& row, int step, float* out) {
  const WordVector words = row.template load_words<Whole>(step);
  const Vector scale = row.template spread<Whole>(row.scales, step);
  const Vector bias = row.template spread<Whole>(row.biases, step);
  for (int i = 0; i < Packing<Bits>::kPerWord; i++) store(out + i * kWidth, value<Bits>(words, i) * scale + bias);
}

template <int Bits>
void dequantize_rows(const QuantizedMatrix& matrix, int begin, int end, float* out) {
  using P = Packing<Bits>;
  for (int n = begin; n < end; n++) {
    const Row<Bits> row(matrix, n);
    const int whole = row.whole_steps();
    for (int step = 0; step < whole; step++, out += P::kValues) dequantize_step<true>(row, step, out);
    if (whole == P::steps(matrix.columns)) continue;
    dequantize_step<false>(row, whole, out);
    out += P::kValues;
  }
}

template <int Bits>
void arrange_rows(const float* x, int rows, int columns, float* out) {
  using P = Packing<Bits>;
  const int steps = P::steps(columns);
  for (int step = 0; step < steps; step++, out += P::kValues * rows) {
    const int present = std::min(columns - step * P::kValues, P::kValues);
    if (present < P::kValues) std::memset(out, 0, static_cast<std::size_t>(P::kValues * rows) * sizeof(float));
    for (int r = 0; r < rows; r++) {
      const float* from = x + static_cast<std::int64_t>(r) * columns + step * P::kValues;
      for (int i = 0; i < P::kPerWord; i++) {
        float* to = out + (i * rows + r) * kWidth;
        for (int lane = 0; lane < present / P::kPerWord; lane++) to[lane] = from[lane * P::kPerWord + i];
      }
    }
  }
}

int arranged_columns(int columns, int bits) {
  return bits == 4 ? Packing<4>::steps(columns) * Packing<4>::kValues : Packing<8>::steps(columns) * Packing<8>::kValues;
}

void arrange(const float* x, int rows, int columns, int bits, float* out) {
  (bits == 4 ? arrange_rows<4> : arrange_rows<8>)(x, rows, columns, out);
}

void multiply(const QuantizedMatrix& matrix, const Activations& x, float* y, std::int64_t y_stride, int begin, int end) {
  (matrix.bits == 4 ? multiply_rows<4> : multiply_rows<8>)(matrix, x, y, y_stride, begin, end);
}

void dequantize(const QuantizedMatrix& matrix, int begin, int end, float* out) {
  (matrix.bits == 4 ? dequantize_rows<4> : dequantize_rows<8>)(matrix, begin, end, out);
}

}  // namespace
}  // namespace skein::kernel
