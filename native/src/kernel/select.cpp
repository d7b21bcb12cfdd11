#include <cstdlib>
#include <stdexcept>
#include <string>

#include "kernel.h"

namespace skein::kernel {
namespace {

const Kernel& choose() {
  const char* text = std::getenv("SKEIN_CPU_KERNEL");
  const std::string name = text == nullptr ? "" : text;
  if (name.empty()) return avx2() != nullptr ? *avx2() : portable();
  if (name == "portable") return portable();
  if (name != "avx2") {
    throw std::invalid_argument("SKEIN_CPU_KERNEL is '" + name +
                                "'; it may be 'portable' or 'avx2', or unset to choose by CPU");
  }
  if (avx2() == nullptr) {
    throw std::invalid_argument("SKEIN_CPU_KERNEL=avx2, but this CPU has no AVX2 with FMA; unset it or use 'portable'");
  }
  return *avx2();
}

}  // namespace

const Kernel& selected() {
  static const Kernel& kernel = choose();
  return kernel;
}

}  // namespace skein::kernel
