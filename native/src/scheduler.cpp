#include "scheduler.h"

#include <algorithm>
#include <utility>

namespace skein {

Scheduler::Scheduler(const SchedulerLimits& limits) : limits_(limits), kept_(limits.block_tokens) {}

Scheduler::Submission Scheduler::submit(TaskId task, std::vector<std::int32_t> prompt) {
  State state{task, std::move(prompt)};
  if (queue_.empty() && fits(state)) {
    admit(std::move(state));
    return Submission::Admitted;
  }
  if (queued() >= limits_.max_queued) return Submission::QueueFull;
  queue_.push_back(std::move(state));
  return Submission::Queued;
}

std::int64_t Scheduler::blocks_for(std::size_t tokens) const {
  const auto capped = std::min<std::int64_t>(static_cast<std::int64_t>(tokens), limits_.context_tokens);
  return (capped + limits_.block_tokens - 1) / limits_.block_tokens;
}

bool Scheduler::fits(const State& state) const {
  return active() < limits_.max_tasks && taken_ + blocks_for(state.tokens.size() + 1) <= limits_.kv_blocks;
}

void Scheduler::admit(State&& state) {
  state.blocks = blocks_for(state.tokens.size() + 1);
  taken_ += state.blocks;
  const TaskId task = state.task;
  // One token at least is computed: its logits are wanted.
  const std::vector<BlockId> blocks = kept_.match(state.tokens, (state.tokens.size() - 1) / limits_.block_tokens);
  std::vector<BlockId> dropped = drop_to_fit();
  const auto moved = std::erase_if(
      dropped, [&](BlockId block) { return std::find(blocks.begin(), blocks.end(), block) != blocks.end(); });
  if (!dropped.empty()) changes_.push_back(DropBlocks{std::move(dropped)});
  if (!blocks.empty()) {
    state.position = static_cast<int>(blocks.size()) * limits_.block_tokens;
    changes_.push_back(
        ReuseBlocks{task, blocks, static_cast<int>(moved), static_cast<int>(state.tokens.size())});
  }
  active_.emplace(task, std::move(state));
}

/** Forgets kept blocks until those and the tasks' keep to the bound; which ones. */
std::vector<BlockId> Scheduler::drop_to_fit() {
  std::vector<BlockId> dropped;
  while (kept_.size() > 0 && taken_ + kept_.size() > limits_.kv_blocks) dropped.push_back(kept_.drop_oldest());
  return dropped;
}

StepPlan Scheduler::plan() {
  StepPlan plan;
  make_room();
  for (const auto& [task, state] : active_) {
    if (state.left() == 1) plan.push_back({task, state.position, {state.tokens.back()}, true});
  }
  plan_prefill(plan);
  return plan;
}

void Scheduler::make_room() {
  // Oldest first; evictions take from the end, so the tasks still to come may be gone when their turn comes.
  for (auto next = active_.begin(); next != active_.end();) {
    const TaskId task = next->first;
    const std::int64_t missing = blocks_for(next->second.tokens.size()) - next->second.blocks;
    while (missing > limits_.kv_blocks - taken_) {
      const bool itself = active_.rbegin()->first == task;
      evict_youngest();
      if (itself) return drop_for_tasks();
    }
    if (missing > 0) {
      next->second.blocks += missing;
      taken_ += missing;
    }
    next++;
  }
  drop_for_tasks();
}

void Scheduler::drop_for_tasks() {
  if (auto dropped = drop_to_fit(); !dropped.empty()) changes_.push_back(DropBlocks{std::move(dropped)});
}

void Scheduler::evict_youngest() {
  const auto youngest = std::prev(active_.end());
  State state = std::move(youngest->second);
  active_.erase(youngest);
  taken_ -= std::exchange(state.blocks, 0);
  state.position = 0;
  changes_.push_back(ReleaseCache{state.task});
  queue_.push_front(std::move(state));
}

void Scheduler::plan_prefill(StepPlan& plan) {
  std::vector<TaskId> order;
  for (const auto& [task, state] : active_) {
    if (state.left() > 1) order.push_back(task);
  }
  if (order.empty()) return;
  // Another task is first at each step; the others get what it leaves.
  const auto next = std::upper_bound(order.begin(), order.end(), last_first_);
  std::rotate(order.begin(), next == order.end() ? order.begin() : next, order.end());
  last_first_ = order.front();

  // Pieces end at whole chunks of the task's own context, so that who else runs does not change how it is cut.
  const int chunk = limits_.prefill_chunk;
  int budget = chunk;
  for (const TaskId task : order) {
    const State& state = active_.at(task);
    const int count = std::min(state.left(), chunk - state.position % chunk);
    if (count > budget) continue;
    const auto begin = state.tokens.begin() + state.position;
    plan.push_back({task, state.position, {begin, begin + count}, count == state.left()});
    budget -= count;
  }
}

void Scheduler::computed(const StepEntry& entry) {
  const auto found = active_.find(entry.task);
  if (found != active_.end()) found->second.position = entry.position + static_cast<int>(entry.tokens.size());
}

void Scheduler::sampled(TaskId task, std::int32_t token) {
  const auto found = active_.find(task);
  if (found != active_.end()) found->second.tokens.push_back(token);
}

void Scheduler::end(TaskId task, bool keep) {
  std::erase_if(queue_, [task](const State& state) { return state.task == task; });
  const auto found = active_.find(task);
  if (found != active_.end()) {
    const State& state = found->second;
    taken_ -= state.blocks;
    const auto computed = std::span(state.tokens).first(static_cast<std::size_t>(state.position));
    auto [first, blocks] = keep ? kept_.add(computed) : PrefixIndex::Added{};
    changes_.push_back(ReleaseCache{task, first, std::move(blocks)});
    active_.erase(found);
  }
  while (!queue_.empty() && fits(queue_.front())) {
    State first = std::move(queue_.front());
    queue_.pop_front();
    admit(std::move(first));
  }
}

}  // namespace skein
