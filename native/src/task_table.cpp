#include "task_table.h"

#include <stdexcept>
#include <utility>

namespace skein {

TaskTable::TaskTable(const SchedulerLimits& limits, int vocabulary, TaskId last_task, Gauges& gauges)
    : limits_(limits), vocabulary_(vocabulary), gauges_(gauges), scheduler_(limits), last_task_(last_task) {}

TaskId TaskTable::last_task() const {
  const std::lock_guard lock(mutex_);
  return last_task_;
}

TaskId TaskTable::submit(GenerateRequest request) {
  if (request.prompt.empty()) throw EngineError(ErrorCode::BadArgument, "the prompt has no tokens");
  for (const auto token : request.prompt) {
    if (token < 0 || token >= vocabulary_) {
      throw EngineError(ErrorCode::BadArgument, "prompt token " + std::to_string(token) +
                                                    " is outside the vocabulary of " + std::to_string(vocabulary_));
    }
  }
  if (request.prompt.size() >= static_cast<std::size_t>(limits_.context_tokens)) {
    throw EngineError(ErrorCode::PromptTooLong,
                      "the prompt has " + std::to_string(request.prompt.size()) + " tokens; with an answer at most " +
                          std::to_string(limits_.context_tokens - 1) + " fit into the context of " +
                          std::to_string(limits_.context_tokens));
  }
  const std::lock_guard lock(mutex_);
  const TaskId id = last_task_ + 1;
  std::shared_ptr<Task> task;
  try {
    task = std::make_shared<Task>(id, request);
  } catch (const std::invalid_argument& error) {
    throw EngineError(ErrorCode::BadArgument, error.what());
  }
  tasks_.emplace(id, std::move(task));
  if (scheduler_.submit(id, std::move(request.prompt)) == Scheduler::Submission::QueueFull) {
    tasks_.erase(id);
    throw EngineError(ErrorCode::QueueFull, std::to_string(scheduler_.active()) + " generations run and " +
                                                std::to_string(scheduler_.queued()) +
                                                " wait, which is the limit; try again when one has ended");
  }
  last_task_ = id;
  publish_locked();
  return id;
}

void TaskTable::cancel(TaskId task) {
  const std::lock_guard lock(mutex_);
  const auto found = tasks_.find(task);
  if (found == tasks_.end()) return;
  found->second->cancel_requested = true;
  cancel_pending_ = true;
}

void TaskTable::cancel_all() {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, task] : tasks_) task->cancel_requested = true;
  cancel_pending_ = true;
}

bool TaskTable::idle() const {
  const std::lock_guard lock(mutex_);
  return scheduler_.idle();
}

std::vector<StepOutput> TaskTable::sweep() {
  if (!cancel_pending_.exchange(false)) return {};
  std::vector<StepOutput> outputs;
  const std::lock_guard lock(mutex_);
  for (auto next = tasks_.begin(); next != tasks_.end();) {
    const std::shared_ptr<Task> task = (next++)->second;
    if (!task->cancel_requested) continue;
    StepOutput output{task->id};
    output.finish = Finish::Cancelled;
    outputs.push_back(std::move(output));
    end_locked(*task, true);
  }
  return outputs;
}

Step TaskTable::next_step(std::vector<KvChange>& changes) {
  const std::lock_guard lock(mutex_);
  StepPlan plan = scheduler_.plan();
  changes = scheduler_.take_changes();
  publish_locked();
  Step step;
  for (auto& entry : plan) {
    auto task = tasks_.at(entry.task);
    step.push_back({std::move(entry), std::move(task)});
  }
  return step;
}

std::vector<KvChange> TaskTable::take_changes() {
  const std::lock_guard lock(mutex_);
  return scheduler_.take_changes();
}

std::vector<StepOutput> TaskTable::complete(const Step& step, std::vector<RowResult> results) {
  std::vector<StepOutput> outputs;
  std::size_t row = 0;
  for (const auto& [entry, task] : step) {
    StepOutput output{task->id};
    const int computed = entry.position + static_cast<int>(entry.tokens.size());
    if (std::exchange(task->fresh, false) && entry.position > 0) output.cached = entry.position;
    if (computed <= task->prompt_tokens && computed > task->prefilled) output.prefilled = task->prefilled = computed;
    if (entry.samples) take(*task, std::move(results.at(row++)), output);

    const std::lock_guard lock(mutex_);
    scheduler_.computed(entry);
    if (output.sampled) scheduler_.sampled(task->id, output.sampled->token);
    if (output.finish) end_locked(*task, output.finish != Finish::Failed);
    // A piece of an evicted task that is computed anew says nothing.
    if (output.sampled || output.prefilled || output.finish) outputs.push_back(std::move(output));
  }
  return outputs;
}

void TaskTable::take(Task& task, RowResult&& result, StepOutput& output) const {
  if (const auto* error = std::get_if<std::string>(&result)) {
    output.finish = Finish::Failed;
    output.error = *error;
    return;
  }
  auto& sampled = std::get<Sampled>(result);
  if (task.end_tokens.contains(sampled.token)) {
    output.finish = Finish::Stop;
    return;
  }
  task.generated++;
  const bool full = task.generated >= task.max_tokens || task.prompt_tokens + task.generated >= limits_.context_tokens;
  if (full) output.finish = Finish::Length;
  output.logprobs = task.top_logprobs >= 0;
  output.sampled = std::move(sampled);
}

std::vector<StepOutput> TaskTable::fail(const Step& step, const std::string& message) {
  std::vector<StepOutput> outputs;
  const std::lock_guard lock(mutex_);
  for (const auto& row : step) {
    if (row.task->ended) continue;
    StepOutput output{row.task->id};
    output.finish = Finish::Failed;
    output.error = message;
    outputs.push_back(std::move(output));
    end_locked(*row.task, false);
  }
  return outputs;
}

std::vector<StepOutput> TaskTable::fail_all(const std::string& message) {
  Step all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, task] : tasks_) all.push_back({{}, task});
  }
  return fail(all, message);
}

void TaskTable::forget_memory() {
  const std::lock_guard lock(mutex_);
  scheduler_.forget_kept();
  scheduler_.take_changes();
}

void TaskTable::end_locked(Task& task, bool keep) {
  task.ended = true;
  scheduler_.end(task.id, keep);
  tasks_.erase(task.id);
  publish_locked();
}

void TaskTable::publish_locked() {
  gauges_.active_tasks = scheduler_.active();
  gauges_.queued_tasks = scheduler_.queued();
}

}  // namespace skein
