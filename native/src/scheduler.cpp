#include "scheduler.h"

#include <algorithm>
#include <utility>

namespace skein {
namespace {

/** Pieces smaller than this waste the matrix kernels: below it, tasks take turns over steps instead. */
constexpr int kSmallestPiece = 32;

}  // namespace

Scheduler::Scheduler(const SchedulerLimits& limits) : limits_(limits) {}

Scheduler::Submission Scheduler::submit(TaskId task, std::vector<std::int32_t> prompt, int max_tokens) {
  const int prompt_tokens = static_cast<int>(prompt.size());
  const std::int64_t tokens = prompt_tokens + std::min(max_tokens, room_after(prompt_tokens));
  Waiting waiting{task, std::move(prompt), (tokens + limits_.block_tokens - 1) / limits_.block_tokens};
  if (queue_.empty() && fits(waiting)) {
    admit(std::move(waiting));
    return Submission::Admitted;
  }
  if (queued() >= limits_.max_queued) return Submission::QueueFull;
  queue_.push_back(std::move(waiting));
  return Submission::Queued;
}

bool Scheduler::fits(const Waiting& waiting) const {
  return active() < limits_.max_tasks && reserved_ + waiting.blocks <= limits_.kv_blocks;
}

void Scheduler::admit(Waiting&& waiting) {
  reserved_ += waiting.blocks;
  active_.emplace(waiting.task, Active{std::move(waiting.prompt), waiting.blocks});
}

StepPlan Scheduler::plan() {
  StepPlan plan;
  for (const auto& [task, state] : active_) {
    if (!state.prefilling() && state.has_next) plan.entries.push_back({task, state.position, {state.next}, true});
  }
  plan_prefill(plan);
  return plan;
}

void Scheduler::plan_prefill(StepPlan& plan) {
  std::vector<TaskId> order;
  for (const auto& [task, state] : active_) {
    if (state.prefilling()) order.push_back(task);
  }
  if (order.empty()) return;
  // Another task is first at each step, so that the remainders of the division go round.
  const auto next = std::upper_bound(order.begin(), order.end(), last_first_);
  std::rotate(order.begin(), next == order.end() ? order.begin() : next, order.end());
  last_first_ = order.front();

  int budget = limits_.prefill_chunk;
  int waiting = static_cast<int>(order.size());
  for (const TaskId task : order) {
    const Active& state = active_.at(task);
    const int left = static_cast<int>(state.prompt.size()) - state.position;
    const int share = std::max(budget / waiting, std::min(kSmallestPiece, budget));
    const int count = std::min(left, share);
    if (count == 0) break;
    const auto begin = state.prompt.begin() + state.position;
    plan.entries.push_back({task, state.position, {begin, begin + count}, count == left});
    budget -= count;
    waiting--;
  }
}

void Scheduler::computed(const StepEntry& entry) {
  const auto found = active_.find(entry.task);
  if (found == active_.end()) return;
  found->second.position = entry.position + static_cast<int>(entry.tokens.size());
  found->second.has_next = false;
}

void Scheduler::sampled(TaskId task, std::int32_t token) {
  const auto found = active_.find(task);
  if (found == active_.end()) return;
  found->second.next = token;
  found->second.has_next = true;
}

void Scheduler::end(TaskId task) {
  std::erase_if(queue_, [task](const Waiting& waiting) { return waiting.task == task; });
  const auto found = active_.find(task);
  if (found != active_.end()) {
    reserved_ -= found->second.blocks;
    active_.erase(found);
  }
  while (!queue_.empty() && fits(queue_.front())) {
    Waiting first = std::move(queue_.front());
    queue_.pop_front();
    admit(std::move(first));
  }
}

}  // namespace skein
