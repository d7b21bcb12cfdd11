#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>
#include <vector>

#include "engine_types.h"
#include "group/group.h"
#include "kv_memory.h"
#include "llama.h"
#include "ranks.h"
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
    /** The group is lost and why; tasks have ended. The weights stay: `connect` and `load` again. */
    std::function<void(std::string)> lost;
    /** The thread's last act: everything is freed, all other callbacks have been made. */
    std::function<void()> ended;
  };
  using Connected = std::function<void(Outcome<std::monostate>)>;
  using Loaded = std::function<void(Outcome<LoadedModel>)>;
  using Evaluated = std::function<void(Outcome<std::vector<float>>)>;

  explicit Engine(Listener listener);
  /** The thread must have ended, or never ends and is left behind. */
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /** Listens at a free port of `host` and returns it; the next `connect` uses it. Throws `BadArgument`, `GroupLost` or `Closed`. */
  int listen(const std::string& host);
  /** Joins a group, which the next `load` completes. Throws `BadArgument` when it is in one, `QueueFull` or `Closed`. */
  void connect(GroupOptions options, Connected done);
  /** Ends the group, joined or joining, on all ranks. Without one: no effect. */
  void abort_group(const std::string& why);
  /**
   * In a group, done when all ranks have loaded; what is held of the same shard is not read again.
   * `layer_done(done, total)` after each layer. Throws `AlreadyLoaded`, `BadArgument` or `Closed`. */
  void load(LoadRequest request, std::function<void(int, int)> layer_done, Loaded done);
  /** Throws `NotLoaded`, `BadArgument`, `PromptTooLong`, `QueueFull`, `GroupLost` or `Closed`. */
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
  struct ConnectJob {
    GroupOptions options;
    Descriptor listener;
    Connected done;
  };
  struct LoadJob {
    LoadRequest request;
    /** Asked for as a rank: without its group it must fail. */
    bool in_group;
    std::function<void(int, int)> layer_done;
    Loaded done;
  };
  struct EvaluateJob {
    EvaluateInput input;
    Evaluated done;
  };
  using Job = std::variant<ConnectJob, LoadJob, EvaluateJob>;

  /** Weights in memory, with what they are. */
  struct Held {
    std::string path;
    Shard shard;
    /** Of the whole model. */
    LlamaConfig config;
    Llama llama;
  };

  void run();
  void work();
  void run_job(ConnectJob& job);
  void run_job(LoadJob& job);
  void run_job(EvaluateJob& job);
  LoadedModel load_model(const LoadJob& job);
  RankShape plan_limits(const LlamaConfig& config, const LoadRequest& request) const;
  void join_ranks(const LoadJob& job, RankShape& shape);
  void watch_group();
  void lead_one_step();
  void follow();
  void lose_group(const EngineError& error);
  void run_one_step();
  void become_idle();
  void wait_for_work();
  void finish_everything();
  void reject(Job& job, const EngineError& error);
  /** Outputs go out when the memory of tasks that ended is free. */
  void emit(std::vector<StepOutput> outputs);
  /** Whether the changes could be made; else all tasks have failed. */
  bool settle_memory(std::vector<KvChange> changes);
  void publish_memory();
  void beat();
  void check_open_locked() const;
  void check_loaded_locked() const;
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
  /** Why this engine takes no generations though it is loaded; empty when it does. */
  std::string not_alone_;
  /** Why the last group was lost, until the next is joined; an engine that was a rank does not load alone. */
  std::string lost_;
  bool connect_asked_ = false;
  bool abort_asked_ = false;
  std::shared_ptr<Group> group_;
  /** Waits for the next `connect`. */
  Descriptor listener_socket_;

  // The engine thread's own.
  std::optional<Held> held_;
  /** Of the model that is loaded; made anew by each load. */
  std::optional<KvMemory> memory_;
  std::optional<Leader> leader_;
  std::optional<Follower> follower_;
  TaskId last_task_ = 0;
  EngineLimits limits_{};
  bool was_busy_ = false;

  std::thread thread_;
};

/** What was thrown, as one of our failures; `otherwise` when it says nothing about itself. */
EngineError as_engine_error(std::exception_ptr thrown, ErrorCode otherwise);

}  // namespace skein
