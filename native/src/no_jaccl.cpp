// Stands in for jaccl.cpp where MLX has no RDMA: the same symbols, for Linux and macOS before 26.2.
#include "jaccl.h"

namespace skein {

bool jaccl_available() { return false; }

}  // namespace skein
