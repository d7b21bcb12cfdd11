#include "scheduler.h"

#include <algorithm>
#include <utility>

namespace skein {

Scheduler::Scheduler(const SchedulerLimits& limits) : limits_(limits) {}

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
  active_.emplace(task, std::move(state));
}

StepPlan Scheduler::plan() {
  StepPlan plan;
  make_room(plan);
  for (const auto& [task, state] : active_) {
    if (state.left() == 1) plan.entries.push_back({task, state.position, {state.tokens.back()}, true});
  }
  plan_prefill(plan);
  return plan;
}

void Scheduler::make_room(StepPlan& plan) {
  // Oldest first; evictions take from the end, so the tasks still to come may be gone when their turn comes.
  for (auto next = active_.begin(); next != active_.end();) {
    const TaskId task = next->first;
    const std::int64_t missing = blocks_for(next->second.tokens.size()) - next->second.blocks;
    while (missing > limits_.kv_blocks - taken_) {
      const bool itself = active_.rbegin()->first == task;
      evict_youngest(plan);
      if (itself) return;
    }
    if (missing > 0) {
      next->second.blocks += missing;
      taken_ += missing;
    }
    next++;
  }
}

void Scheduler::evict_youngest(StepPlan& plan) {
  const auto youngest = std::prev(active_.end());
  State state = std::move(youngest->second);
  active_.erase(youngest);
  taken_ -= std::exchange(state.blocks, 0);
  state.position = 0;
  plan.evicted.push_back(state.task);
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
    plan.entries.push_back({task, state.position, {begin, begin + count}, count == state.left()});
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

void Scheduler::end(TaskId task) {
  std::erase_if(queue_, [task](const State& state) { return state.task == task; });
  const auto found = active_.find(task);
  if (found != active_.end()) {
    taken_ -= found->second.blocks;
    active_.erase(found);
  }
  while (!queue_.empty() && fits(queue_.front())) {
    State first = std::move(queue_.front());
    queue_.pop_front();
    admit(std::move(first));
  }
}

}  // namespace skein
