#pragma once

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

/**
 * Turns the queries [rows × heads · head_size] by `angles` and attends causally over caches that hold position + rows
 * tokens, with the scale 1 / sqrt(head_size); `out` is like `query`.
 */
void attention(const AttentionShape& shape, const float* query, const float* angles, const float* keys,
               const float* values, float* out);

}  // namespace skein::kernel
