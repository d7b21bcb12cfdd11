#pragma once

namespace skein {

/** Whether this build and machine have MLX's RDMA backend. */
bool jaccl_available();

}  // namespace skein
