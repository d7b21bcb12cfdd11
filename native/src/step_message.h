#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "sampler.h"
#include "step_plan.h"

namespace skein {

/** A task that the other ranks see for the first time, with what sampling it needs. */
struct AdmittedTask {
  TaskId task;
  int top_logprobs;
  SamplingOptions sampling;
  /** The end of its prompt, as much as the penalties see. */
  std::vector<std::int32_t> prompt_end;
};

/** What rank 0 tells all ranks before a step, so that all change at the same one. Applied in this order. */
struct StepMessage {
  /** Since the last message, in order. */
  std::vector<KvChange> changes;
  /** Tasks that will not come again: finished, cancelled or failed. */
  std::vector<TaskId> ended;
  std::vector<AdmittedTask> admitted;
  /** Empty: nothing is computed. */
  StepPlan entries;
};

std::vector<std::byte> encode(const StepMessage& message);
/** Throws `std::runtime_error` on bytes that are no such message. */
StepMessage decode_step_message(std::span<const std::byte> bytes);

}  // namespace skein
