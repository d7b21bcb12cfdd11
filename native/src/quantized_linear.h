#pragma once

#include "mlx/array.h"

namespace skein {

/**
 * x @ dequantised(weight)ᵀ: fp32 `x` […, columns] gives fp32 […, rows]. In MLX's affine layout, `weight` is u32
 * [rows × columns · bits / 32], `scales` and `biases` are fp32 [rows × columns / 32]; `bits` is 4 or 8, `group_size` 32.
 * Lazy, on the default stream: MLX's own operation on a GPU, else a primitive over `kernel::selected()` and the
 * shared thread pool. Throws `std::invalid_argument` when types, shapes, bits or group size do not fit.
 */
mlx::core::array quantized_linear(const mlx::core::array& x, const mlx::core::array& weight,
                                  const mlx::core::array& scales, const mlx::core::array& biases, int bits,
                                  int group_size);

/** Which implementation `quantized_linear` uses on the default device: `mlx`, `avx2` or `portable`. */
const char* kernel_name();

/** Threads it uses, the calling one included; 1 on a GPU. */
int kernel_threads();

}  // namespace skein
