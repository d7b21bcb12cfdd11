#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "prefix_index.h"
#include "step_plan.h"

namespace skein {

struct SchedulerLimits {
  /** Tasks admitted together, ≥ 1. */
  int max_tasks;
  /** Tasks waiting behind them, ≥ 0. */
  int max_queued;
  /** Tokens of prompts in one step, ≥ 1. */
  int prefill_chunk;
  /** Prompt and answer of one task, ≥ 1. */
  int context_tokens;
  /** The KV memory of all tasks in blocks of `block_tokens`; holds at least one whole context. */
  std::int64_t kv_blocks;
  int block_tokens;
};

/**
 * Decides what each step computes. Pure: no clock, no threads, no MLX.
 *
 * A task is admitted, first come first served, when the KV memory holds its prompt, and takes more block by block as its
 * answer grows. When there is none left, the youngest task gives up its cache and waits at the head of the queue: the
 * oldest can always go on, because all memory holds a whole context. What an evicted task has said stays said; its
 * prompt and answer are computed anew.
 *
 * What no task needs holds the blocks of tasks that have ended, until one needs it: who begins as they did starts behind
 * what is kept. The bound holds for tasks and kept blocks together; those that were used longest ago go first.
 */
class Scheduler {
 public:
  enum class Submission { Admitted, Queued, QueueFull };

  explicit Scheduler(const SchedulerLimits& limits);

  /** `prompt` is not empty and shorter than the context. Ids rise from call to call. */
  Submission submit(TaskId task, std::vector<std::int32_t> prompt);

  /** All admitted tasks that decode, plus at most `prefill_chunk` prompt tokens; prefilling tasks take turns. */
  StepPlan plan();

  /** The entry's tokens are in the cache now. Unknown tasks (ended within the step): no effect. */
  void computed(const StepEntry& entry);

  /** The next token of a task whose entry samples. Unknown tasks: no effect. The owner keeps to the context. */
  void sampled(TaskId task, std::int32_t token);

  /**
   * Frees the task's slot, memory or place in the queue, and admits who waited for it. `keep`: what it computed is sound
   * and may serve others. Unknown tasks: no effect.
   */
  void end(TaskId task, bool keep);

  /** What the calls before have decided about memory, in order; applied before the next step. */
  std::vector<KvChange> take_changes() { return std::exchange(changes_, {}); }

  /** Kept blocks were lost: none is reused from now on. */
  void forget_kept() { kept_.clear(); }

  int active() const { return static_cast<int>(active_.size()); }
  /** Evicted tasks included. */
  int queued() const { return static_cast<int>(queue_.size()); }
  bool idle() const { return active_.empty() && queue_.empty(); }

 private:
  struct State {
    TaskId task;
    /** All that is known of its context: the prompt and what was sampled. */
    std::vector<std::int32_t> tokens;
    /** Tokens in the cache. */
    int position = 0;
    /** Blocks taken, at least for all known tokens and the next. */
    std::int64_t blocks = 0;

    int left() const { return static_cast<int>(tokens.size()) - position; }
  };

  std::int64_t blocks_for(std::size_t tokens) const;
  bool fits(const State& state) const;
  void admit(State&& state);
  void make_room();
  void evict_youngest();
  std::vector<BlockId> drop_to_fit();
  void drop_for_tasks();
  void plan_prefill(StepPlan& plan);

  const SchedulerLimits limits_;
  std::deque<State> queue_;
  /** By id, which is the order of admission. */
  std::map<TaskId, State> active_;
  std::int64_t taken_ = 0;
  PrefixIndex kept_;
  std::vector<KvChange> changes_;
  /** The task whose prompt was served first in the last step; the next step begins behind it. */
  TaskId last_first_ = 0;
};

}  // namespace skein
