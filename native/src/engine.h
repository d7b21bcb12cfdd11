#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>
#include <vector>

#include "engine_types.h"
#include "llama.h"
#include "task_table.h"

namespace skein {

/**
 * One thread that owns every MLX object of one shard: it loads, evaluates, steps and frees. All methods may be called
 * from any thread and none waits for the engine, except `wait_ended`. Callbacks run on the engine thread.
 */
class Engine {
 public:
  struct Listener {
    /** Never an empty batch. */
    std::function<void(std::vector<StepOutput>)> outputs;
    /** The thread's last act: everything is freed, all other callbacks have been made. */
    std::function<void()> ended;
  };
  using Loaded = std::function<void(Outcome<LoadedModel>)>;
  using Evaluated = std::function<void(Outcome<std::vector<float>>)>;

  explicit Engine(Listener listener);
  /** The thread must have ended, or never ends and is left behind. */
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /** `layer_done(done, total)` after each layer. Throws `AlreadyLoaded`, `BadArgument` or `Closed`. */
  void load(LoadRequest request, std::function<void(int, int)> layer_done, Loaded done);
  /** Throws `NotLoaded`, `BadArgument`, `PromptTooLong`, `QueueFull` or `Closed`. */
  TaskId submit(GenerateRequest request);
  void cancel(TaskId task);
  /** Runs between steps. Throws `NotLoaded`, `QueueFull` or `Closed`. */
  void evaluate(EvaluateInput input, Evaluated done);
  /** Asks the thread to cancel everything, free everything and end. May be called any number of times. */
  void close();
  /** Whether the thread has ended within the time. */
  bool wait_ended(std::chrono::milliseconds deadline);
  /** Collects the thread after `ended`; returns at once. */
  void join();

  const Gauges& gauges() const { return gauges_; }

 private:
  struct LoadJob {
    LoadRequest request;
    std::function<void(int, int)> layer_done;
    Loaded done;
  };
  struct EvaluateJob {
    EvaluateInput input;
    Evaluated done;
  };
  using Job = std::variant<LoadJob, EvaluateJob>;

  void run();
  void work();
  void run_job(Job& job);
  LoadedModel load_model(const LoadJob& job);
  void run_one_step();
  void become_idle();
  void wait_for_work();
  void finish_everything();
  void reject(Job& job, const EngineError& error);
  void emit(std::vector<StepOutput> outputs);
  void beat();
  void check_open_locked() const;
  void stop_if_closing() const;

  const Listener listener_;
  Gauges gauges_;
  std::atomic<bool> closing_{false};

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable ended_condition_;
  std::deque<Job> jobs_;
  bool load_asked_ = false;
  bool ended_ = false;
  /** Why the engine failed; empty while it has not. */
  std::string failure_;
  /** Made once, by the load that succeeds. */
  std::shared_ptr<TaskTable> table_;
  /** Whether the shard is the whole model. */
  bool whole_ = false;

  // The engine thread's own.
  std::optional<Llama> llama_;
  EngineLimits limits_{};
  bool was_busy_ = false;

  std::thread thread_;
};

}  // namespace skein
