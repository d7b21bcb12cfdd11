#pragma once

#include <memory>

#include "group/group.h"
#include "side_channel.h"

namespace skein {

/** Whether this build and machine have MLX's RDMA backend. */
bool jaccl_available();

/**
 * Joins a group over RDMA. The ranks find each other through the side channel; which devices lead to which rank MLX reads
 * from the environment (`MLX_RANK`, `MLX_IBV_DEVICES`). The channel's waits ask `on_joining`, which may throw to end them;
 * MLX's own cannot be ended. Throws `GroupLost`, or `BadArgument` where there is no RDMA.
 */
std::shared_ptr<Group> join_jaccl(const SideChannelOptions& options, OnWait on_joining, OnWait on_wait);

}  // namespace skein
