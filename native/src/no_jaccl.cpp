// Stands in for jaccl.cpp where MLX has no RDMA: the same symbols, for Linux and macOS before 26.2.
#include "error.h"
#include "jaccl.h"

namespace skein {

bool jaccl_available() { return false; }

std::shared_ptr<Group> join_jaccl(const SideChannelOptions&, OnWait, OnWait) {
  throw EngineError(ErrorCode::BadArgument,
                    "this build of the engine has no RDMA: it needs macOS 26.2 or later on Apple silicon");
}

}  // namespace skein
