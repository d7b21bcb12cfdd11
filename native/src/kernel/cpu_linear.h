#pragma once

#include "kernel.h"

namespace skein::kernel {

/**
 * y [x_rows × matrix.rows] = x [x_rows × matrix.columns] · matrixᵀ, all contiguous, with the selected kernel on the
 * shared pool. Few rows share each weight row as it streams by; many go through dequantised panels and sgemm.
 */
void linear(const QuantizedMatrix& matrix, const float* x, int x_rows, float* y);

}  // namespace skein::kernel
