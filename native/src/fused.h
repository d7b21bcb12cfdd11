#pragma once

#include <optional>
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
 * The rotations of consecutive positions: [rows × wavelengths × (cosine, sine)], evaluated. Pair i of neighbouring
 * values turns by position · scale / wavelengths[i]. The same for all layers: make it once per step and task.
 */
mlx::core::array rope_angles(std::span<const float> wavelengths, float scale, int position, int rows);

/**
 * `cache` [1 × kv_heads × capacity × head_size] with `rows` [rows × kv_heads · head_size] at `position`, turned by
 * `angles` when given. Lazy. In place when nobody else holds `cache`: replace your reference by the result.
 * Throws `std::invalid_argument` when types or shapes do not fit or the cache has no room.
 */
mlx::core::array store_rows(const mlx::core::array& cache, const mlx::core::array& rows,
                            const std::optional<mlx::core::array>& angles, int position);

/**
 * Causal grouped attention of `query` [rows × heads · head_size], turned by `angles`, from `position` on over caches
 * that hold these rows too: [rows × heads · head_size]. Scale 1 / sqrt(head_size). Lazy; errors as `store_rows`.
 */
mlx::core::array attention(const mlx::core::array& query, const mlx::core::array& angles, const mlx::core::array& keys,
                           const mlx::core::array& values, int position);

}  // namespace skein::fused
