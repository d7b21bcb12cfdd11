#pragma once

#include <algorithm>
#include <atomic>
#include <iterator>
#include <memory>
#include <unordered_set>
#include <vector>

#include "engine_types.h"
#include "sampler.h"

namespace skein {

/** One generation. Everything but `cancel_requested` belongs to the engine thread once it is submitted. */
struct Task {
  Task(TaskId task, const GenerateRequest& request)
      : id(task),
        prompt_tokens(static_cast<int>(request.prompt.size())),
        max_tokens(request.max_tokens),
        top_logprobs(request.top_logprobs),
        end_tokens(request.end_tokens.begin(), request.end_tokens.end()),
        sampling(request.sampling),
        prompt_end(request.prompt.end() - std::min<std::ptrdiff_t>(std::ssize(request.prompt),
                                                                   std::max(request.sampling.penalty_window, 0)),
                   request.prompt.end()),
        sampler(request.sampling, request.prompt) {}

  const TaskId id;
  const int prompt_tokens;
  const int max_tokens;
  const int top_logprobs;
  const std::unordered_set<std::int32_t> end_tokens;
  const SamplingOptions sampling;
  /** As much of the prompt as the penalties see. */
  const std::vector<std::int32_t> prompt_end;
  std::atomic<bool> cancel_requested{false};

  Sampler sampler;
  int generated = 0;
  /** Prompt tokens reported as processed; an eviction does not take that back. */
  int prefilled = 0;
  /** Nothing of it has been computed; what was reused is not known yet. */
  bool fresh = true;
  /** Its last output has been made: rows of it that are still under way are dropped. */
  bool ended = false;
};

/** A planned entry with the task it belongs to. */
struct StepRow {
  StepEntry entry;
  std::shared_ptr<Task> task;
};

using Step = std::vector<StepRow>;

}  // namespace skein
