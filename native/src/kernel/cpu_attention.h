#pragma once

#include <span>

namespace skein::kernel {

/** Sizes of one attention over a KV cache [kv_heads × capacity × head_size] for consecutive rows of one task. */
struct AttentionShape {
  int rows;
  int heads;
  int kv_heads;
  int head_size;
  /** Position of the first row. */
  int position;
  /** Tokens for which the cache has room, at least position + rows. */
  int capacity;
};

/**
 * Puts `rows` [rows × kv_heads · head_size] into a cache at `position`, turned by `angles` unless those are null.
 * `angles` is [rows × head_size / 2 × (cosine, sine)] and turns neighbouring pairs.
 */
void store_rows(const AttentionShape& shape, const float* rows, const float* angles, float* cache);

/** One task's attention. */
struct AttentionTask {
  AttentionShape shape;
  /** [rows × heads · head_size], turned by `angles` on their way. */
  const float* query;
  const float* angles;
  /** Hold position + rows tokens. */
  const float* keys;
  const float* values;
  /** Like `query`. */
  float* out;
};

/** Attends causally with the scale 1 / sqrt(head_size), every task over its own caches. */
void attention(std::span<const AttentionTask> tasks);

}  // namespace skein::kernel
