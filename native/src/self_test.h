#pragma once

namespace skein {

/** A small computation through MLX, our kernels and the BLAS. Throws `std::runtime_error` that names what differs. */
void run_self_test();

}  // namespace skein
