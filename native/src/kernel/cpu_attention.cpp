#include "cpu_attention.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "../blas.h"
#include "../thread_pool.h"
#include "kernel.h"

namespace skein::kernel {
namespace {

/** Rows from which scores go through sgemm; fewer are faster one query at a time. */
constexpr int kMinBlockRows = 8;
constexpr int kMaxBlockRows = 64;
/** Floats of one block of scores: 1 MiB, so that long contexts take fewer rows at once. */
constexpr int kBlockScores = 256 * 1024;
/** Multiply-adds below which waking another thread costs more than it brings. */
constexpr std::int64_t kMinParallelWork = 100'000;
/** More would only cost: each is a piece of work for one thread. */
constexpr int kMaxChunks = 256;

void rotate(const float* from, const float* angles, int head_size, float* to) {
  for (int i = 0; i < head_size; i += 2) {
    const float cosine = angles[i];
    const float sine = angles[i + 1];
    to[i] = from[i] * cosine - from[i + 1] * sine;
    to[i + 1] = from[i] * sine + from[i + 1] * cosine;
  }
}

std::vector<float>& sized(std::vector<float>& scratch, std::size_t size) {
  if (scratch.size() < size) scratch.resize(size);
  return scratch;
}

/** One attention in work: everything below indexes into it. */
struct Attention : AttentionTask {
  std::int64_t cache_offset(int head) const {
    const int kv_head = head / (shape.heads / shape.kv_heads);
    return static_cast<std::int64_t>(kv_head) * shape.capacity * shape.head_size;
  }
  std::int64_t row_offset(int row, int head) const {
    return (static_cast<std::int64_t>(row) * shape.heads + head) * shape.head_size;
  }
  const float* row_angles(int row) const { return angles + static_cast<std::int64_t>(row) * shape.head_size; }
  float scale() const { return 1.0f / std::sqrt(static_cast<float>(shape.head_size)); }

  void attend_row(int row, int head) const {
    static thread_local std::vector<float> scratch;
    const int tokens = shape.position + row + 1;
    float* scores = sized(scratch, static_cast<std::size_t>(tokens) + shape.head_size).data();
    float* rotated = scores + tokens;
    rotate(query + row_offset(row, head), row_angles(row), shape.head_size, rotated);
    const std::int64_t cache = cache_offset(head);
    selected().attend(rotated, keys + cache, values + cache, tokens, shape.head_size, scale(), scores,
                      out + row_offset(row, head));
  }

  void attend_block(int begin, int end, int head) const {
    static thread_local std::vector<float> scratch;
    const int rows = end - begin;
    const int tokens = shape.position + end;
    const int size = shape.head_size;
    float* scores = sized(scratch, static_cast<std::size_t>(rows) * (tokens + size)).data();
    float* rotated = scores + static_cast<std::size_t>(rows) * tokens;
    for (int row = 0; row < rows; row++) {
      rotate(query + row_offset(begin + row, head), row_angles(begin + row), size,
             rotated + static_cast<std::size_t>(row) * size);
    }
    const std::int64_t cache = cache_offset(head);
    blas::sgemm_transposed(rows, tokens, size, rotated, size, keys + cache, size, scores, tokens);
    for (int row = 0; row < rows; row++) {
      float* row_scores = scores + static_cast<std::size_t>(row) * tokens;
      const int seen = shape.position + begin + row + 1;
      selected().softmax(row_scores, seen, scale());
      std::fill(row_scores + seen, row_scores + tokens, 0.0f);
    }
    blas::sgemm(rows, size, tokens, scores, tokens, values + cache, size,
                out + row_offset(begin, head), shape.heads * size);
  }
};

void attend_in_blocks(const Attention& attention) {
  const AttentionShape& shape = attention.shape;
  const int tokens = shape.position + shape.rows;
  const int block_rows = std::clamp(kBlockScores / tokens, kMinBlockRows, kMaxBlockRows);
  const int blocks = (shape.rows + block_rows - 1) / block_rows;
  // The last blocks see the most tokens: they go first, so that no thread starts a long one at the end.
  ThreadPool::shared().run(blocks * shape.heads, [&](int chunk) {
    const int begin = (blocks - 1 - chunk / shape.heads) * block_rows;
    attention.attend_block(begin, std::min(begin + block_rows, shape.rows), chunk % shape.heads);
  });
}

}  // namespace

void store_rows(const AttentionShape& shape, const float* rows, const float* angles, float* cache) {
  const int size = shape.head_size;
  for (int row = 0; row < shape.rows; row++) {
    for (int head = 0; head < shape.kv_heads; head++) {
      const float* from = rows + (static_cast<std::int64_t>(row) * shape.kv_heads + head) * size;
      float* to = cache + (static_cast<std::int64_t>(head) * shape.capacity + shape.position + row) * size;
      if (angles == nullptr) {
        std::memcpy(to, from, static_cast<std::size_t>(size) * sizeof(float));
      } else {
        rotate(from, angles + static_cast<std::int64_t>(row) * size, size, to);
      }
    }
  }
}

void attention(std::span<const AttentionTask> tasks) {
  struct Item {
    const AttentionTask* task;
    int row;
    int head;
  };
  std::vector<Item> items;
  std::int64_t work = 0;
  for (const AttentionTask& task : tasks) {
    const AttentionShape& shape = task.shape;
    if (shape.rows >= kMinBlockRows) {
      attend_in_blocks({task});
      continue;
    }
    work += static_cast<std::int64_t>(shape.rows) * shape.heads * shape.head_size * (shape.position + shape.rows) * 2;
    for (int row = 0; row < shape.rows; row++) {
      for (int head = 0; head < shape.heads; head++) items.push_back({&task, row, head});
    }
  }
  const int count = static_cast<int>(items.size());
  const int chunks = work < kMinParallelWork ? std::min(count, 1) : std::min(count, kMaxChunks);
  ThreadPool::shared().run(chunks, [&](int chunk) {
    for (int i = chunk; i < count; i += chunks) Attention{*items[i].task}.attend_row(items[i].row, items[i].head);
  });
}

}  // namespace skein::kernel
