#pragma once

#include <cstdint>

namespace skein::kernel {

/** Weights share one scale and one bias per this many consecutive columns. */
constexpr int kGroupSize = 32;

/**
 * A borrowed matrix [rows × columns] in MLX's affine layout: value = scale · q + bias, `q` packed from the low bits of
 * each word up. `columns` is a multiple of 32, `bits` is 4 or 8, scales and biases are [rows × columns / 32].
 */
struct QuantizedMatrix {
  const std::uint32_t* weight;
  const float* scales;
  const float* biases;
  int rows;
  int columns;
  int bits;
};

/** Rows of activations in the order of one kernel and number of bits. */
struct Activations {
  /** Made by `Kernel::arrange` for each `Kernel::rows_per_pass` rows, the last ones apart, one behind the other. */
  const float* values;
  /** Floats that a row takes: `Kernel::arranged_columns`. */
  std::int64_t stride;
  /** [rows × columns / 32]: the sums of each 32 values, for the biases. */
  const float* group_sums;
  int rows;
};

/** One implementation. All functions are pure and may run on several threads for disjoint results. */
struct Kernel {
  /** The name that `SKEIN_CPU_KERNEL` takes. */
  const char* name;
  /** Floats that a row of `columns` takes once arranged: a few more where vectors do not fit. */
  int (*arranged_columns)(int columns, int bits);
  /** Rows that `multiply` takes together, at least 1. */
  int rows_per_pass;
  /**
   * Brings at most `rows_per_pass` rows, contiguous, into the order in which this kernel unpacks weights, padded with
   * zeros; they are interleaved.
   */
  void (*arrange)(const float* x, int rows, int columns, int bits, float* out);
  /**
   * y[r · y_stride + n] = x row r · matrix row n for n in [begin, end). Each weight row is read from memory once for
   * all rows of `x`, and no row's result depends on the others to the last bit.
   */
  void (*multiply)(const QuantizedMatrix& matrix, const Activations& x, float* y, std::int64_t y_stride, int begin,
                   int end);
  /** Writes rows [begin, end) as fp32, each arranged like a single activation row. */
  void (*dequantize)(const QuantizedMatrix& matrix, int begin, int end, float* out);
  /** y = x / sqrt(mean(x²) + epsilon) · weight, over one row of `columns` values. */
  void (*rms_norm)(const float* x, const float* weight, float epsilon, int columns, float* y);
  /** y = gate · sigmoid(gate) · up, value by value. */
  void (*swiglu)(const float* gate, const float* up, std::int64_t count, float* y);
  /** Replaces `count` ≥ 1 scores by softmax(scale · scores). */
  void (*softmax)(float* scores, int count, float scale);
  /**
   * One query head over one KV head: out = softmax(scale · query · keysᵀ) · values, with keys and values
   * [tokens × head_size] contiguous, `tokens` ≥ 1, and room for `tokens` scores.
   */
  void (*attend)(const float* query, const float* keys, const float* values, int tokens, int head_size, float scale,
                 float* scores, float* out);
};

const Kernel& portable();

/** Null where this build or this CPU has no AVX2 and FMA. */
const Kernel* avx2();

/**
 * The fastest kernel this CPU runs, or the one named by `SKEIN_CPU_KERNEL` (`portable` or `avx2`); decided once.
 * Throws `std::invalid_argument` when that name is unknown or the CPU lacks what it needs.
 */
const Kernel& selected();

}  // namespace skein::kernel
