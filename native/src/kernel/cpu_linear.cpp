#include "cpu_linear.h"

#include <algorithm>
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

/** Start of a chunk when [0, rows) is split into `chunks` ranges of whole sets of 4 rows, the last one apart. */
int chunk_start(int rows, int chunk, int chunks) {
  const auto start = static_cast<std::int64_t>(rows) * chunk / chunks;
  return chunk == chunks ? rows : static_cast<int>(start / 4 * 4);
}

void linear_few(const QuantizedMatrix& matrix, const float* x, int x_rows, float* y) {
  const Kernel& kernel = selected();
  const int groups = matrix.columns / kGroupSize;
  static thread_local std::vector<float> sums;
  sums.resize(static_cast<std::size_t>(x_rows) * groups);
  for (std::size_t group = 0; group < sums.size(); group++) {
    float sum = 0;
    for (int i = 0; i < kGroupSize; i++) sum += x[group * kGroupSize + i];
    sums[group] = sum;
  }
  const float* group_sums = sums.data();
  auto& pool = ThreadPool::shared();
  const auto work = static_cast<std::int64_t>(matrix.rows) * matrix.columns;
  const int chunks = work < kMinParallelWork || pool.threads() == 1
                         ? 1
                         : std::min(pool.threads() * kChunksPerThread, std::max(matrix.rows / kMinPanelRows, 1));
  pool.run(chunks, [&](int chunk) {
    kernel.multiply(matrix, x, group_sums, x_rows, y, matrix.rows, chunk_start(matrix.rows, chunk, chunks),
                    chunk_start(matrix.rows, chunk + 1, chunks));
  });
}

void linear_many(const QuantizedMatrix& matrix, const float* x, int x_rows, float* y) {
  const Kernel& kernel = selected();
  auto& pool = ThreadPool::shared();
  const int panel_rows = std::max(kPanelFloats / matrix.columns, kMinPanelRows);
  const int rounds = (matrix.rows + panel_rows * pool.threads() - 1) / (panel_rows * pool.threads());
  const int chunks = std::min(rounds * pool.threads(), std::max(matrix.rows / kMinPanelRows, 1));
  pool.run(chunks, [&](int chunk) {
    const int begin = chunk_start(matrix.rows, chunk, chunks);
    const int end = chunk_start(matrix.rows, chunk + 1, chunks);
    if (begin == end) return;
    static thread_local std::vector<float> panel;
    panel.resize(std::max(panel.size(), static_cast<std::size_t>(end - begin) * matrix.columns));
    kernel.dequantize(matrix, begin, end, panel.data());
    blas::sgemm_transposed(x_rows, end - begin, matrix.columns, x, matrix.columns, panel.data(), matrix.columns,
                           y + begin, matrix.rows);
  });
}

}  // namespace

void linear(const QuantizedMatrix& matrix, const float* x, int x_rows, float* y) {
  if (x_rows <= 0 || matrix.rows <= 0) return;
  if (matrix.columns == 0) {
    std::fill(y, y + static_cast<std::int64_t>(x_rows) * matrix.rows, 0.0f);
  } else if (x_rows <= kMaxSharedRows) {
    linear_few(matrix, x, x_rows, y);
  } else {
    linear_many(matrix, x, x_rows, y);
  }
}

}  // namespace skein::kernel
