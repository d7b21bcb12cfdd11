#pragma once

#include <span>

#include "mlx/array.h"

namespace skein::fused {

/** fp32 x / sqrt(mean(x²) + epsilon) · weight over the last axis. Lazy; MLX's own operation on a GPU. */
mlx::core::array rms_norm(const mlx::core::array& x, const mlx::core::array& weight, float epsilon);

/** gate · sigmoid(gate) · up for fp32 arrays of one shape. Lazy; composed of MLX's own operations on a GPU. */
mlx::core::array swiglu(const mlx::core::array& gate, const mlx::core::array& up);

/** Whether the operations below exist on the default device: only on a CPU. A GPU is faster with MLX's own. */
bool has_attention();

/**
 * The rotations of rows at these positions: [rows × wavelengths × (cosine, sine)], evaluated. Pair i of neighbouring
 * values turns by position · scale / wavelengths[i]. The same for all layers: make it once per step.
 */
mlx::core::array rope_angles(std::span<const float> wavelengths, float scale, std::span<const int> positions);

/** One task's consecutive rows and its caches [1 × kv_heads × capacity × head_size], which hold `position` tokens. */
struct CacheRows {
  mlx::core::array keys;
  mlx::core::array values;
  int position;
  int rows;
};

/**
 * Causal grouped attention of several tasks, each over its own caches: `query` [rows × heads · head_size], `key` and
 * `value` [rows × kv_heads · head_size] hold the rows of all tasks in order; the result is like `query`. Queries and keys
 * are turned by `angles`; the scale is 1 / sqrt(head_size). Lazy; evaluating it puts the rows into the caches where these
 * are, which must be contiguous and nobody else's. No row's result depends on the other tasks, to the last bit.
 * Throws `std::invalid_argument` when types or shapes do not fit or a cache has no room.
 */
mlx::core::array attention(const mlx::core::array& query, const mlx::core::array& key, const mlx::core::array& value,
                           const mlx::core::array& angles, std::span<const CacheRows> tasks);

}  // namespace skein::fused
