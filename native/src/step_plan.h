#pragma once

#include <cstdint>
#include <variant>
#include <vector>

namespace skein {

/** Number of a task within one engine; never reused, never 0. */
using TaskId = std::int64_t;

/** Number of a kept block of keys and values; never reused, never 0. */
using BlockId = std::int64_t;

/** A task gives up its cache. Before, the whole blocks from `first` on, as many as there are ids, are kept under these. */
struct ReleaseCache {
  TaskId task;
  int first = 0;
  std::vector<BlockId> blocks{};

  bool operator==(const ReleaseCache&) const = default;
};

/** A task without a cache begins with copies of these blocks, in this order. */
struct ReuseBlocks {
  TaskId task;
  std::vector<BlockId> blocks;
  /** As many of the last ones are not kept any longer: the task takes their memory over. */
  int moved = 0;
  /** Tokens for which the task needs room soon; more than the blocks hold. */
  int tokens = 0;

  bool operator==(const ReuseBlocks&) const = default;
};

/** Blocks that are not kept any longer. */
struct DropBlocks {
  std::vector<BlockId> blocks;

  bool operator==(const DropBlocks&) const = default;
};

/** What happens to the memory for keys and values, beside its growth; the same on all ranks and in the same order. */
using KvChange = std::variant<ReleaseCache, ReuseBlocks, DropBlocks>;

/** One task's share of one step. */
struct StepEntry {
  TaskId task;
  /** Position in the task's context of the first token below. */
  int position;
  /** Tokens computed in this step: the one sampled last, or a piece of what the cache lacks. Never empty. */
  std::vector<std::int32_t> tokens;
  /** Whether the last row's logits are sampled: when nothing is left to compute behind it. */
  bool samples;
};

/**
 * What one step computes: decoding tasks first, in order of admission, then pieces of prompts. With the changes of memory
 * before it, this is all that ranks of a group must agree on; it holds no pointers.
 */
using StepPlan = std::vector<StepEntry>;

}  // namespace skein
