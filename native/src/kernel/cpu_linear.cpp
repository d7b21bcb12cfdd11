#include "cpu_linear.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "../blas.h"
#include "../thread_pool.h"

namespace skein::kernel {
namespace {

/** Multiply-adds below which waking another thread costs more than it brings. */
constexpr std::int64_t kMinParallelWork = 100'000;
/** Chunks per thread: a thread that the system takes away for a while leaves its share to the others. */
constexpr int kChunksPerThread = 4;
/** Floats of one dequantised panel: 512 KiB, which stays in a core's second-level cache. */
constexpr int kPanelFloats = 128 * 1024;
constexpr int kMinPanelRows = 16;
/** Most activation rows for which unpacking weights on the fly is faster than sgemm on dequantised panels. */
constexpr int kMaxSharedRows = 8;

/** Start of a chunk when [0, rows) is split into `chunks` ranges of whole sets of 4 rows, the last one apart. */
int chunk_start(int rows, int chunk, int chunks) {
  const auto start = static_cast<std::int64_t>(rows) * chunk / chunks;
  return chunk == chunks ? rows : static_cast<int>(start / 4 * 4);
}

void linear_few(const QuantizedMatrix& matrix, const Activations& x, float* y) {
  const Kernel& kernel = selected();
  auto& pool = ThreadPool::shared();
  const auto work = static_cast<std::int64_t>(matrix.rows) * matrix.columns;
  const int chunks = work < kMinParallelWork || pool.threads() == 1
                         ? 1
                         : std::min(pool.threads() * kChunksPerThread, std::max(matrix.rows / kMinPanelRows, 1));
  pool.run(chunks, [&](int chunk) {
    kernel.multiply(matrix, x, y, matrix.rows, chunk_start(matrix.rows, chunk, chunks),
                    chunk_start(matrix.rows, chunk + 1, chunks));
  });
}

void linear_many(const QuantizedMatrix& matrix, const Activations& x, float* y) {
  const Kernel& kernel = selected();
  auto& pool = ThreadPool::shared();
  const int width = static_cast<int>(x.stride);
  const int panel_rows = std::max(kPanelFloats / width, kMinPanelRows);
  const int rounds = (matrix.rows + panel_rows * pool.threads() - 1) / (panel_rows * pool.threads());
  const int chunks = std::min(rounds * pool.threads(), std::max(matrix.rows / kMinPanelRows, 1));
  pool.run(chunks, [&](int chunk) {
    const int begin = chunk_start(matrix.rows, chunk, chunks);
    const int end = chunk_start(matrix.rows, chunk + 1, chunks);
    if (begin == end) return;
    static thread_local std::vector<float> panel;
    panel.resize(std::max(panel.size(), static_cast<std::size_t>(end - begin) * width));
    kernel.dequantize(matrix, begin, end, panel.data());
    // Both sides are in the kernel's order, which does not matter to a sum.
    blas::sgemm_transposed(x.rows, end - begin, width, x.values, width, panel.data(), width, y + begin, matrix.rows);
  });
}

/** Room for `size` floats from a cache line's start: a vector that lies across two is read twice. */
float* sized(std::vector<float>& scratch, std::size_t size) {
  constexpr std::size_t kLineFloats = 16;
  if (scratch.size() < size + kLineFloats) scratch.resize(size + kLineFloats);
  const auto address = reinterpret_cast<std::uintptr_t>(scratch.data()) / sizeof(float);
  return scratch.data() + (kLineFloats - address % kLineFloats) % kLineFloats;
}

void sum_groups(const float* x, std::size_t groups, float* sums) {
  for (std::size_t group = 0; group < groups; group++) {
    float sum = 0;
    for (int i = 0; i < kGroupSize; i++) sum += x[group * kGroupSize + i];
    sums[group] = sum;
  }
}

}  // namespace

void linear(const QuantizedMatrix& matrix, const float* x, int x_rows, float* y) {
  if (x_rows <= 0 || matrix.rows <= 0) return;
  if (matrix.columns == 0) {
    std::fill(y, y + static_cast<std::int64_t>(x_rows) * matrix.rows, 0.0f);
    return;
  }
  const Kernel& kernel = selected();
  const int columns = matrix.columns;
  const std::int64_t stride = kernel.arranged_columns(columns, matrix.bits);
  static thread_local std::vector<float> arranged_scratch, sums_scratch;
  float* arranged = sized(arranged_scratch, static_cast<std::size_t>(x_rows * stride));
  const auto arrange = [&](int begin, int end, int together) {
    for (int row = begin; row < end; row += together) {
      kernel.arrange(x + static_cast<std::int64_t>(row) * columns, std::min(together, end - row), columns, matrix.bits,
                     arranged + row * stride);
    }
  };
  if (x_rows > kMaxSharedRows) {
    const int chunks = (x_rows + kMinPanelRows - 1) / kMinPanelRows;
    ThreadPool::shared().run(chunks, [&](int chunk) {
      arrange(chunk * kMinPanelRows, std::min((chunk + 1) * kMinPanelRows, x_rows), 1);
    });
    return linear_many(matrix, {arranged, stride, nullptr, x_rows}, y);
  }
  arrange(0, x_rows, kernel.rows_per_pass);
  const auto groups = static_cast<std::size_t>(x_rows) * (columns / kGroupSize);
  float* sums = sized(sums_scratch, groups);
  sum_groups(x, groups, sums);
  linear_few(matrix, {arranged, stride, sums, x_rows}, y);
}

}  // namespace skein::kernel
