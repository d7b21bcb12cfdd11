#pragma once

#include <cstdint>
#include <vector>

namespace skein {

/** Number of a task within one engine; never reused, never 0. */
using TaskId = std::int64_t;

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
 * What one step computes: decoding tasks first, in order of admission, then pieces of prompts. This is all that ranks
 * of a group must agree on before a step; it holds no pointers.
 */
struct StepPlan {
  /** Tasks that lose their caches before the step and wait until they fit again; then they compute them anew. */
  std::vector<TaskId> evicted;
  std::vector<StepEntry> entries;
};

}  // namespace skein
