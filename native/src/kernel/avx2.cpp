// Compiled with AVX2 and FMA enabled for this file alone; nothing here runs before `avx2()` has asked the CPU.
#include "kernel.h"

#if defined(__AVX2__) && defined(__FMA__)

#include "quantized_rows.h"
#include "vector_loops.h"

namespace skein::kernel {

const Kernel* avx2() {
  static constexpr Kernel kernel{"avx2",   arranged_columns, kRowsPerPass, arrange, multiply, dequantize,
                                 rms_norm, swiglu,           softmax,      attend};
  static const bool supported = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return supported ? &kernel : nullptr;
}

}  // namespace skein::kernel

#else

namespace skein::kernel {

const Kernel* avx2() { return nullptr; }

}  // namespace skein::kernel

#endif
