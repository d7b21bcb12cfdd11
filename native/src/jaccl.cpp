#include "jaccl.h"

#include "mlx/distributed/distributed.h"

namespace skein {

bool jaccl_available() { return mlx::core::distributed::is_available("jaccl"); }

}  // namespace skein
