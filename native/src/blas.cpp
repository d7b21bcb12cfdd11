// The MLX wheel for Linux brings the reference BLAS. This file exports `cblas_sgemm` from our own binary, which the
// dynamic linker finds first, and forwards it to OpenBLAS: MLX's own matmul becomes about 20 times faster.
#include "blas.h"

extern "C" {
void scipy_cblas_sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float* a,
                       int lda, const float* b, int ldb, float beta, float* c, int ldc);
void scipy_openblas_set_num_threads(int threads);
}

namespace skein::blas {
namespace {

constexpr int kRowMajor = 101;
constexpr int kNoTranspose = 111;
constexpr int kTranspose = 112;

/** OpenBLAS' own threads spin against our pool's: parallelism is ours, each of its calls stays on its thread. */
void keep_to_calling_thread() {
  static const bool done = [] {
    scipy_openblas_set_num_threads(1);
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace

void sgemm_transposed(int m, int n, int k, const float* a, int a_stride, const float* b, int b_stride, float* c,
                      int c_stride) {
  keep_to_calling_thread();
  scipy_cblas_sgemm(kRowMajor, kNoTranspose, kTranspose, m, n, k, 1.0f, a, a_stride, b, b_stride, 0.0f, c, c_stride);
}

void sgemm(int m, int n, int k, const float* a, int a_stride, const float* b, int b_stride, float* c, int c_stride) {
  keep_to_calling_thread();
  scipy_cblas_sgemm(kRowMajor, kNoTranspose, kNoTranspose, m, n, k, 1.0f, a, a_stride, b, b_stride, 0.0f, c, c_stride);
}

}  // namespace skein::blas

extern "C" __attribute__((visibility("default"))) void cblas_sgemm(int order, int transpose_a, int transpose_b, int m,
                                                                   int n, int k, float alpha, const float* a, int lda,
                                                                   const float* b, int ldb, float beta, float* c,
                                                                   int ldc) {
  skein::blas::keep_to_calling_thread();
  scipy_cblas_sgemm(order, transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
