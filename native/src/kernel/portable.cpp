// For the baseline of the target that the build is for: SSE2 on x86-64, NEON on arm64.
#include "kernel.h"
#include "quantized_rows.h"
#include "vector_loops.h"

namespace skein::kernel {

const Kernel& portable() {
  static constexpr Kernel kernel{"portable", arranged_columns, kRowsPerPass, arrange, multiply, dequantize,
                                 rms_norm,   swiglu,           softmax,      attend};
  return kernel;
}

}  // namespace skein::kernel
