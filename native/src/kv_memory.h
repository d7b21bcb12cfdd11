#pragma once

#include <cstdint>
#include <map>
#include <span>

#include "kv_cache.h"
#include "step_plan.h"

namespace skein {

/**
 * The keys and values of one rank: a cache for each task that computes, and blocks kept of tasks that have ended. Does as
 * the scheduler of rank 0 decides, which keeps the whole within its bound. Engine thread only.
 */
class KvMemory {
 public:
  /** Sizes of this rank's shard. */
  KvMemory(int layers, int kv_heads, int head_size) : layers_(layers), kv_heads_(kv_heads), head_size_(head_size) {}

  /** Changes come before the step that relies on them. Throws `EngineError{GroupLost}` for a block that is not kept. */
  void apply(const KvChange& change);

  /** The task's cache; an empty one when it has none. Stays where it is until it is released. */
  KvCache& cache(TaskId task);

  /** Memory of the tasks' caches. */
  std::int64_t task_bytes() const;
  /** Memory of the blocks kept beside them. */
  std::int64_t kept_bytes() const;

 private:
  void release(const ReleaseCache& change);
  void reuse(const ReuseBlocks& change);
  const KvBlock& kept(BlockId block) const;

  const int layers_;
  const int kv_heads_;
  const int head_size_;
  std::map<TaskId, KvCache> caches_;
  std::map<BlockId, KvBlock> blocks_;
};

}  // namespace skein
