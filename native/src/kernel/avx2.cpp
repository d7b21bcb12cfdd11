// Compiled with AVX2 and FMA enabled for this file alone; nothing here runs before `avx2()` has asked the CPU.
#include "kernel.h"

#if defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>

#include "vector_loops.h"

namespace skein::kernel {
namespace {

/** Activation rows multiplied per pass over an unpacked weight row: as many as the registers hold. */
constexpr int kRowsPerPass = 4;

float horizontal_sum(__m256 v) {
  __m128 sum = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
  return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

/** Eight quantised values, number `block` (0 to 3) of the group at `words`, as floats. */
template <int Bits>
__m256 unpack(const std::uint32_t* words, int block) {
  if constexpr (Bits == 4) {
    const __m256i shifts = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
    const __m256i word = _mm256_set1_epi32(static_cast<int>(words[block]));
    return _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srlv_epi32(word, shifts), _mm256_set1_epi32(15)));
  } else {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(words + 2 * block));
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
  }
}

float dot(const float* a, const float* b, int count) {
  __m256 sum = _mm256_setzero_ps();
  int i = 0;
  for (; i + 8 <= count; i += 8) sum = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), sum);
  float total = horizontal_sum(sum);
  for (; i < count; i++) total += a[i] * b[i];
  return total;
}

template <int Bits, int Rows>
void multiply_row(const std::uint32_t* words, const float* scales, const float* biases, const float* x,
                  const float* group_sums, int groups, float* y, std::int64_t y_stride) {
  const std::int64_t columns = static_cast<std::int64_t>(groups) * kGroupSize;
  __m256 sums[Rows];
  for (int row = 0; row < Rows; row++) sums[row] = _mm256_setzero_ps();
  for (int group = 0; group < groups; group++) {
    const __m256 q0 = unpack<Bits>(words, 0);
    const __m256 q1 = unpack<Bits>(words, 1);
    const __m256 q2 = unpack<Bits>(words, 2);
    const __m256 q3 = unpack<Bits>(words, 3);
    const __m256 scale = _mm256_broadcast_ss(scales + group);
    for (int row = 0; row < Rows; row++) {
      const float* values = x + row * columns + group * kGroupSize;
      __m256 even = _mm256_mul_ps(q0, _mm256_loadu_ps(values));
      __m256 odd = _mm256_mul_ps(q1, _mm256_loadu_ps(values + 8));
      even = _mm256_fmadd_ps(q2, _mm256_loadu_ps(values + 16), even);
      odd = _mm256_fmadd_ps(q3, _mm256_loadu_ps(values + 24), odd);
      sums[row] = _mm256_fmadd_ps(scale, _mm256_add_ps(even, odd), sums[row]);
    }
    words += Bits;
  }
  for (int row = 0; row < Rows; row++) {
    y[row * y_stride] = horizontal_sum(sums[row]) + dot(biases, group_sums + row * groups, groups);
  }
}

template <int Bits>
void multiply_rows(const QuantizedMatrix& matrix, const float* x, const float* group_sums, int x_rows, float* y,
                   std::int64_t y_stride, int begin, int end) {
  const int groups = matrix.columns / kGroupSize;
  for (int n = begin; n < end; n++) {
    const std::int64_t group = static_cast<std::int64_t>(n) * groups;
    for (int row = 0; row < x_rows; row += kRowsPerPass) {
      const auto pass = [&](auto multiply) {
        multiply(matrix.weight + group * Bits, matrix.scales + group, matrix.biases + group,
                 x + static_cast<std::int64_t>(row) * matrix.columns, group_sums + row * groups, groups,
                 y + row * y_stride + n, y_stride);
      };
      switch (x_rows - row) {
        case 1: pass(multiply_row<Bits, 1>); break;
        case 2: pass(multiply_row<Bits, 2>); break;
        case 3: pass(multiply_row<Bits, 3>); break;
        default: pass(multiply_row<Bits, kRowsPerPass>); break;
      }
    }
  }
}

template <int Bits>
void dequantize_rows(const QuantizedMatrix& matrix, int begin, int end, float* out) {
  const int groups = matrix.columns / kGroupSize;
  const std::int64_t last = static_cast<std::int64_t>(end) * groups;
  for (std::int64_t group = static_cast<std::int64_t>(begin) * groups; group < last; group++) {
    const __m256 scale = _mm256_broadcast_ss(matrix.scales + group);
    const __m256 bias = _mm256_broadcast_ss(matrix.biases + group);
    for (int block = 0; block < 4; block++) {
      _mm256_storeu_ps(out, _mm256_fmadd_ps(unpack<Bits>(matrix.weight + group * Bits, block), scale, bias));
      out += 8;
    }
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

const Kernel* avx2() {
  static constexpr Kernel kernel{"avx2", multiply, dequantize, rms_norm, swiglu, softmax, attend};
  static const bool supported = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return supported ? &kernel : nullptr;
}

}  // namespace skein::kernel

#else

namespace skein::kernel {

const Kernel* avx2() { return nullptr; }

}  // namespace skein::kernel

#endif
