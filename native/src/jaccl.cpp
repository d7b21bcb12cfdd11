#include "jaccl.h"

#include <exception>
#include <string>
#include <utility>

#include "error.h"
#include "group/mlx_group.h"

namespace skein {
namespace mx = mlx::core;

bool jaccl_available() { return mx::distributed::is_available("jaccl"); }

std::shared_ptr<Group> join_jaccl(const SideChannelOptions& options, OnWait on_joining, OnWait on_wait) {
  const auto channel = std::make_shared<SideChannel>(options, std::move(on_joining));
  const auto gather = [channel, size = static_cast<std::size_t>(options.size)](const char* mine, char* all,
                                                                               std::size_t bytes) {
    channel->all_gather(std::as_bytes(std::span(mine, bytes)), std::as_writable_bytes(std::span(all, bytes * size)));
  };
  std::shared_ptr<MlxGroup> group;
  try {
    const auto factory = [gather](int, int) -> mx::distributed::AllGatherFn { return gather; };
    group = std::make_shared<MlxGroup>(mx::distributed::init(true, "jaccl", factory), std::move(on_wait));
  } catch (const EngineError&) {
    throw;
  } catch (const std::exception& error) {
    throw EngineError(ErrorCode::GroupLost, std::string("RDMA did not come up: ") + error.what());
  }
  if (group->rank() != options.rank || group->size() != options.size) {
    throw EngineError(ErrorCode::GroupLost, "the RDMA environment makes this rank " + std::to_string(group->rank()) +
                                                " of " + std::to_string(group->size()) + ", its node rank " +
                                                std::to_string(options.rank) + " of " + std::to_string(options.size));
  }
  return group;
}

}  // namespace skein
