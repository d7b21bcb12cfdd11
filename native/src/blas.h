#pragma once

namespace skein::blas {

/**
 * c[m × n] = a[m × k] · b[n × k]ᵀ, all row-major with the given row strides in floats, on the calling thread only.
 * Callable from several threads at once.
 */
void sgemm_transposed(int m, int n, int k, const float* a, int a_stride, const float* b, int b_stride, float* c,
                      int c_stride);

/** c[m × n] = a[m × k] · b[k × n], otherwise as `sgemm_transposed`. */
void sgemm(int m, int n, int k, const float* a, int a_stride, const float* b, int b_stride, float* c, int c_stride);

}  // namespace skein::blas
