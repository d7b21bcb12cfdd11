#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "step_plan.h"

namespace skein {

struct SchedulerLimits {
  /** Tasks admitted together, ≥ 1. */
  int max_tasks;
  /** Tasks waiting behind them, ≥ 0. */
  int max_queued;
  /** Prompt tokens of one step, ≥ 1. */
  int prefill_chunk;
  /** Prompt and answer of one task, ≥ 1. */
  int context_tokens;
  /** The KV memory of all tasks in blocks of `block_tokens`; holds at least one whole context. */
  std::int64_t kv_blocks;
  int block_tokens;
};

/**
 * Decides what each step computes. Pure: no clock, no threads, no MLX. A task holds its whole KV need (prompt and
 * longest answer) from admission to end, so that an admitted task never runs out of memory half-way; tasks that do not
 * fit wait, first come first served.
 */
class Scheduler {
 public:
  enum class Submission { Admitted, Queued, QueueFull };

  explicit Scheduler(const SchedulerLimits& limits);

  /** `prompt` is not empty and shorter than the context; `max_tokens` ≥ 1 counts the answer, cut to the context. */
  Submission submit(TaskId task, std::vector<std::int32_t> prompt, int max_tokens);

  /** All admitted tasks that decode, plus at most `prefill_chunk` prompt tokens, shared evenly among prefilling tasks. */
  StepPlan plan();

  /** The entry's tokens are in the cache now. Unknown tasks (ended within the step): no effect. */
  void computed(const StepEntry& entry);

  /** The next token to decode, after an entry that samples. Unknown tasks: no effect. */
  void sampled(TaskId task, std::int32_t token);

  /** Frees the task's slot, memory or place in the queue, and admits who waited for it. Unknown tasks: no effect. */
  void end(TaskId task);

  int active() const { return static_cast<int>(active_.size()); }
  int queued() const { return static_cast<int>(queue_.size()); }
  std::int64_t reserved_blocks() const { return reserved_; }
  bool idle() const { return active_.empty() && queue_.empty(); }
  /** Longest answer that fits behind a prompt of this length. */
  int room_after(int prompt_tokens) const { return limits_.context_tokens - prompt_tokens; }

 private:
  struct Waiting {
    TaskId task;
    std::vector<std::int32_t> prompt;
    std::int64_t blocks;
  };
  struct Active {
    std::vector<std::int32_t> prompt;
    std::int64_t blocks;
    /** Tokens in the cache. */
    int position = 0;
    /** Meaningful once the prompt is in the cache. */
    std::int32_t next = 0;
    bool has_next = false;
    bool prefilling() const { return position < static_cast<int>(prompt.size()); }
  };

  bool fits(const Waiting& waiting) const;
  void admit(Waiting&& waiting);
  void plan_prefill(StepPlan& plan);

  const SchedulerLimits limits_;
  std::deque<Waiting> queue_;
  /** By id, which is the order of admission. */
  std::map<TaskId, Active> active_;
  std::int64_t reserved_ = 0;
  /** The task whose prompt was served first in the last step; the next step begins behind it. */
  TaskId last_first_ = 0;
};

}  // namespace skein
