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
  /** Tokens computed in this step: one sampled before, or a piece of the prompt. Never empty. */
  std::vector<std::int32_t> tokens;
  /** Whether the last row's logits are sampled: true for decoding and for the last piece of a prompt. */
  bool samples;
};

/**
 * What one step computes: decoding tasks first, in order of admission, then pieces of prompts. This is all that ranks
 * of a group must agree on before a step; it holds no pointers.
 */
struct StepPlan {
  std::vector<StepEntry> entries;
};

}  // namespace skein
