// Plain C++ that every compiler can vectorise for its own baseline.
#include "kernel.h"
#include "vector_loops.h"

namespace skein::kernel {
namespace {

constexpr int kLanes = 8;

template <int Bits>
void unpack_group(const std::uint32_t* words, float* q) {
  constexpr int kPerWord = 32 / Bits;
  constexpr std::uint32_t kMask = (1u << Bits) - 1;
  for (int word = 0; word < Bits; word++) {
    for (int i = 0; i < kPerWord; i++) {
      q[word * kPerWord + i] = static_cast<float>(static_cast<int>(words[word] >> (Bits * i) & kMask));
    }
  }
}

template <int Bits>
void multiply_rows(const QuantizedMatrix& matrix, const float* x, const float* group_sums, int x_rows, float* y,
                   std::int64_t y_stride, int begin, int end) {
  const int columns = matrix.columns;
  const int groups = columns / kGroupSize;
  const std::int64_t row_words = static_cast<std::int64_t>(columns) * Bits / 32;
  for (int n = begin; n < end; n++) {
    const std::uint32_t* words = matrix.weight + n * row_words;
    const float* scales = matrix.scales + static_cast<std::int64_t>(n) * groups;
    const float* biases = matrix.biases + static_cast<std::int64_t>(n) * groups;
    float sums[kMaxSharedRows][kLanes] = {};
    float bias_sums[kMaxSharedRows] = {};
    for (int group = 0; group < groups; group++) {
      float q[kGroupSize];
      unpack_group<Bits>(words + group * Bits, q);
      for (int row = 0; row < x_rows; row++) {
        const float* values = x + static_cast<std::int64_t>(row) * columns + group * kGroupSize;
        float partial[kLanes] = {};
        for (int i = 0; i < kGroupSize; i += kLanes) {
          for (int lane = 0; lane < kLanes; lane++) partial[lane] += q[i + lane] * values[i + lane];
        }
        for (int lane = 0; lane < kLanes; lane++) sums[row][lane] += scales[group] * partial[lane];
        bias_sums[row] += biases[group] * group_sums[static_cast<std::int64_t>(row) * groups + group];
      }
    }
    for (int row = 0; row < x_rows; row++) {
      float total = bias_sums[row];
      for (int lane = 0; lane < kLanes; lane++) total += sums[row][lane];
      y[row * y_stride + n] = total;
    }
  }
}

template <int Bits>
void dequantize_rows(const QuantizedMatrix& matrix, int begin, int end, float* out) {
  const int groups = matrix.columns / kGroupSize;
  const std::int64_t first = static_cast<std::int64_t>(begin) * groups;
  const std::int64_t last = static_cast<std::int64_t>(end) * groups;
  for (std::int64_t group = first; group < last; group++) {
    float q[kGroupSize];
    unpack_group<Bits>(matrix.weight + group * Bits, q);
    const float scale = matrix.scales[group];
    const float bias = matrix.biases[group];
    for (int i = 0; i < kGroupSize; i++) *out++ = q[i] * scale + bias;
  }
}

void multiply(const QuantizedMatrix& matrix, const float* x, const float* group_sums, int x_rows, float* y,
              std::int64_t y_stride, int begin, int end) {
  const auto rows = matrix.bits == 4 ? multiply_rows<4> : multiply_rows<8>;
  rows(matrix, x, group_sums, x_rows, y, y_stride, begin, end);
}

void dequantize(const QuantizedMatrix& matrix, int begin, int end, float* out) {
  const auto rows = matrix.bits == 4 ? dequantize_rows<4> : dequantize_rows<8>;
  rows(matrix, begin, end, out);
}

}  // namespace

const Kernel& portable() {
  static constexpr Kernel kernel{"portable", multiply, dequantize, rms_norm, swiglu, softmax, attend};
  return kernel;
}

}  // namespace skein::kernel
