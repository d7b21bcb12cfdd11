#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine_types.h"
#include "row_result.h"
#include "scheduler.h"
#include "task.h"

namespace skein {

/**
 * The tasks of one engine and their schedule. `submit` and `cancel` may come from any thread at any time; the rest is the
 * engine thread's.
 */
class TaskTable {
 public:
  /** Task numbers go on behind `last_task`. */
  TaskTable(const SchedulerLimits& limits, int vocabulary, TaskId last_task, Gauges& gauges);

  TaskId last_task() const;

  /** Throws `BadArgument`, `PromptTooLong` or `QueueFull`. */
  TaskId submit(GenerateRequest request);
  /** Takes effect at the engine's next `sweep`, within one layer. */
  void cancel(TaskId task);
  void cancel_all();

  bool idle() const;

  /** Ends all tasks whose cancel was asked, running or waiting; returns their last outputs. Cheap when there is none. */
  std::vector<StepOutput> sweep();
  /** The next step; empty when nothing can run. `changes` that were not taken before must be applied first. */
  Step next_step(std::vector<KvChange>& changes);
  /** What was decided about memory since it was asked last. */
  std::vector<KvChange> take_changes();
  /** Takes the results of a step, one for each entry that samples. */
  std::vector<StepOutput> complete(const Step& step, std::vector<RowResult> results);
  /** Ends the tasks of a step that threw. */
  std::vector<StepOutput> fail(const Step& step, const std::string& message);
  std::vector<StepOutput> fail_all(const std::string& message);
  /** The memory that all changes so far were about is lost. */
  void forget_memory();

 private:
  void take(Task& task, RowResult&& result, StepOutput& output) const;
  /** `keep` as of `Scheduler::end`. */
  void end_locked(Task& task, bool keep);
  void publish_locked();

  const SchedulerLimits limits_;
  const int vocabulary_;
  Gauges& gauges_;
  std::atomic<bool> cancel_pending_{false};
  mutable std::mutex mutex_;
  Scheduler scheduler_;
  std::map<TaskId, std::shared_ptr<Task>> tasks_;
  TaskId last_task_;
};

}  // namespace skein
