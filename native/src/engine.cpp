#include "engine.h"

#include <algorithm>
#include <exception>
#include <new>
#include <string>
#include <utility>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "gguf.h"
#include "mlx/memory.h"
#include "mlx/stream.h"
#include "step.h"

namespace skein {
namespace mx = mlx::core;
namespace {

constexpr auto kIdleBeat = std::chrono::milliseconds(200);
/** `evaluate` calls that may wait; it is a seam for tests and benches. */
constexpr std::size_t kMaxJobs = 16;
/** Freed buffers that MLX keeps for the next step; given back when the engine becomes idle. */
constexpr std::size_t kAllocatorCacheBytes = std::size_t{64} << 20;

/** Steps leave freed blocks behind, in MLX's cache and in malloc's; an idle engine should not hold on to them. */
void give_memory_back() {
  mx::clear_cache();
#if defined(__GLIBC__)
  ::malloc_trim(0);
#endif
}

}  // namespace

EngineError as_engine_error(std::exception_ptr thrown, ErrorCode otherwise) {
  try {
    std::rethrow_exception(thrown);
  } catch (const EngineError& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return {ErrorCode::OutOfMemory, "there is not enough memory"};
  } catch (const std::exception& error) {
    const std::string what = error.what();
    // MLX's allocators throw a plain runtime_error that starts so.
    return {what.starts_with("[malloc") || what.starts_with("[metal::malloc") ? ErrorCode::OutOfMemory : otherwise,
            what};
  } catch (...) {
    return {otherwise, "an unknown exception"};
  }
}

Engine::Engine(Listener listener) : listener_(std::move(listener)) {
  thread_ = std::thread([this] { run(); });
}

Engine::~Engine() {
  if (thread_.joinable()) thread_.detach();
}

void Engine::load(LoadRequest request, std::function<void(int, int)> layer_done, Loaded done) {
  const std::lock_guard lock(mutex_);
  check_open_locked();
  if (load_asked_) throw EngineError(ErrorCode::AlreadyLoaded, "this engine has a model or is loading one");
  load_asked_ = true;
  jobs_.push_back(LoadJob{std::move(request), connect_asked_ || !lost_.empty(), std::move(layer_done), std::move(done)});
  wake_.notify_all();
}

TaskId Engine::submit(GenerateRequest request) {
  const std::lock_guard lock(mutex_);
  check_open_locked();
  check_loaded_locked();
  if (!not_alone_.empty()) throw EngineError(ErrorCode::BadArgument, not_alone_);
  const TaskId task = table_->submit(std::move(request));
  wake_.notify_all();
  return task;
}

void Engine::cancel(TaskId task) {
  const std::lock_guard lock(mutex_);
  if (table_) table_->cancel(task);
  wake_.notify_all();
}

void Engine::evaluate(EvaluateInput input, Evaluated done) {
  const std::lock_guard lock(mutex_);
  check_open_locked();
  check_loaded_locked();
  if (group_) throw EngineError(ErrorCode::BadArgument, "this engine is one rank of a group; it evaluates nothing alone");
  if (jobs_.size() >= kMaxJobs) throw EngineError(ErrorCode::QueueFull, "too many evaluations wait");
  jobs_.push_back(EvaluateJob{std::move(input), std::move(done)});
  wake_.notify_all();
}

void Engine::close() {
  const std::lock_guard lock(mutex_);
  closing_ = true;
  listener_socket_.reset();
  if (table_) table_->cancel_all();
  if (group_) group_->abort("the engine of rank " + std::to_string(group_->rank()) + " was closed");
  wake_.notify_all();
}

bool Engine::wait_ended(std::chrono::milliseconds deadline) {
  std::unique_lock lock(mutex_);
  return ended_condition_.wait_for(lock, deadline, [this] { return ended_; });
}

void Engine::join() {
  if (thread_.joinable()) thread_.join();
}

void Engine::check_open_locked() const {
  if (!failure_.empty()) throw EngineError(ErrorCode::Closed, "the engine has failed: " + failure_);
  if (closing_) throw EngineError(ErrorCode::Closed, "the engine is closed");
}

void Engine::check_loaded_locked() const {
  if (table_) return;
  if (!lost_.empty()) throw EngineError(ErrorCode::GroupLost, "the group was lost: " + lost_);
  throw EngineError(ErrorCode::NotLoaded, "no model is loaded");
}

void Engine::stop_if_closing() const {
  if (closing_) throw EngineError(ErrorCode::Closed, "the engine was closed");
}

void Engine::run() {
  try {
    mx::set_cache_limit(kAllocatorCacheBytes);
    work();
  } catch (...) {
    const auto error = as_engine_error(std::current_exception(), ErrorCode::Closed);
    {
      const std::lock_guard lock(mutex_);
      failure_ = error.what();
    }
    gauges_.phase = Phase::Failed;
  }
  try {
    finish_everything();
  } catch (...) {
    gauges_.phase = Phase::Failed;
  }
  listener_.ended();
  const std::lock_guard lock(mutex_);
  ended_ = true;
  ended_condition_.notify_all();
}

void Engine::work() {
  while (!closing_) {
    std::optional<Job> job;
    {
      const std::lock_guard lock(mutex_);
      if (!jobs_.empty()) {
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
    }
    watch_group();
    if (job) {
      was_busy_ = true;
      std::visit([this](auto& each) { run_job(each); }, *job);
    } else if (follower_) {
      follow();
    } else if (leader_ && !table_->idle()) {
      lead_one_step();
    } else if (table_ && !table_->idle()) {
      run_one_step();
    } else {
      become_idle();
      wait_for_work();
    }
    beat();
  }
}

void Engine::run_job(LoadJob& job) {
  gauges_.phase = Phase::Loading;
  try {
    job.done(load_model(job));
  } catch (...) {
    const EngineError error = as_engine_error(std::current_exception(), ErrorCode::BadModel);
    leader_.reset();
    follower_.reset();
    // Weights are kept for the next group; whatever else failed is not worth its memory.
    if (error.code() != ErrorCode::GroupLost) held_.reset();
    gauges_.weight_bytes = held_ ? static_cast<std::int64_t>(held_->llama.weight_bytes()) : 0;
    {
      const std::lock_guard lock(mutex_);
      load_asked_ = false;
    }
    job.done(error);
    if (error.code() == ErrorCode::GroupLost) lose_group(error);
  }
}

void Engine::run_job(EvaluateJob& job) {
  gauges_.phase = Phase::Stepping;
  const auto after_layer = [this] {
    beat();
    stop_if_closing();
    emit(table_->sweep());
  };
  try {
    job.done(
        evaluate_input(held_->llama, job.input, limits_.prefill_chunk, limits_.context_tokens, after_layer));
  } catch (...) {
    job.done(as_engine_error(std::current_exception(), ErrorCode::BadArgument));
  }
}

RankShape Engine::plan_limits(const LlamaConfig& config, const LoadRequest& request) const {
  const auto& [first_layer, last_layer, tensor_rank, tensor_size] = request.shard;
  if (last_layer > config.layers) {
    throw EngineError(ErrorCode::BadArgument, "layers [" + std::to_string(first_layer) + ", " +
                                                  std::to_string(last_layer) + ") are not in this model of " +
                                                  std::to_string(config.layers) + " layers");
  }
  const std::int64_t token_bytes =
      KvCache::bytes_per_token(last_layer - first_layer, std::max(config.kv_heads / tensor_size, 1), config.head_size);
  const std::int64_t kv_blocks = request.limits.kv_bytes / (token_bytes * KvCache::kBlockTokens);
  if (kv_blocks < 1) {
    throw EngineError(ErrorCode::OutOfMemory, "kvBytes " + std::to_string(request.limits.kv_bytes) +
                                                  " holds no block of " + std::to_string(KvCache::kBlockTokens) +
                                                  " tokens, which takes " +
                                                  std::to_string(token_bytes * KvCache::kBlockTokens) + " bytes");
  }
  const auto context = std::min({std::int64_t{config.context}, std::int64_t{request.limits.context_tokens},
                                 kv_blocks * KvCache::kBlockTokens});
  return {config, request.shard, request.limits.prefill_chunk, static_cast<int>(context), kv_blocks};
}

LoadedModel Engine::load_model(const LoadJob& job) {
  const LoadRequest& request = job.request;
  const int layers = request.shard.last_layer - request.shard.first_layer;
  if (held_ && (held_->path != request.path || held_->shard != request.shard)) held_.reset();
  if (!held_) {
    const gguf::File file(request.path);
    const LlamaConfig config = read_llama_config(file);
    plan_limits(config, request);
    const auto progressed = [this] {
      beat();
      stop_if_closing();
    };
    held_.emplace(Held{request.path, request.shard, config,
                       Llama(file, config, request.shard, progressed, job.layer_done)});
    gauges_.weight_bytes = static_cast<std::int64_t>(held_->llama.weight_bytes());
  } else {
    job.layer_done(layers, layers);
  }
  RankShape shape = plan_limits(held_->config, request);
  memory_.emplace(held_->llama.make_memory());
  join_ranks(job, shape);
  limits_ = request.limits;
  limits_.context_tokens = shape.context_tokens;

  const LlamaConfig& config = held_->config;
  const std::lock_guard lock(mutex_);
  const bool whole = held_->llama.has_embedding() && held_->llama.has_head();
  not_alone_.clear();
  if (!leader_ && !follower_ && !(whole && request.shard.tensor_size == 1))
    not_alone_ = "this engine holds only a part of the model; it cannot generate alone";
  if (follower_)
    not_alone_ = "this engine is rank " + std::to_string(group_->rank()) + " of its group; rank 0 takes generations";
  table_ = std::make_shared<TaskTable>(SchedulerLimits{limits_.max_tasks, limits_.max_queued, limits_.prefill_chunk,
                                                       limits_.context_tokens, shape.kv_blocks, KvCache::kBlockTokens},
                                       config.vocabulary, last_task_, gauges_);
  return {"llama",    config.layers, config.hidden, config.vocabulary, limits_.context_tokens, gauges_.weight_bytes,
          KvCache::bytes_per_token(layers, held_->llama.config().kv_heads, config.head_size)};
}

void Engine::run_one_step() {
  gauges_.phase = Phase::Stepping;
  was_busy_ = true;
  emit(table_->sweep());
  std::vector<KvChange> changes;
  Step step = table_->next_step(changes);
  if (!settle_memory(std::move(changes)) || step.empty()) return;
  const auto after_layer = [this] {
    beat();
    emit(table_->sweep());
  };
  try {
    auto logits = run_step(held_->llama, *memory_, step, after_layer);
    const std::span<float> rows = logits ? std::span(logits->data<float>(), logits->size()) : std::span<float>();
    emit(table_->complete(step, sample_rows(step, rows)));
  } catch (...) {
    emit(table_->fail(step, as_engine_error(std::current_exception(), ErrorCode::BadArgument).what()));
  }
}

void Engine::become_idle() {
  gauges_.phase = Phase::Idle;
  if (std::exchange(was_busy_, false)) give_memory_back();
}

void Engine::wait_for_work() {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, kIdleBeat, [this] { return closing_ || !jobs_.empty() || (table_ && !table_->idle()); });
}

void Engine::finish_everything() {
  std::deque<Job> jobs;
  std::string failure;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    jobs.swap(jobs_);
    listener_socket_.reset();
    failure = failure_;
  }
  if (failure.empty()) gauges_.phase = Phase::Closing;
  leader_.reset();
  follower_.reset();
  std::shared_ptr<Group> group;
  {
    const std::lock_guard lock(mutex_);
    group.swap(group_);
  }
  group.reset();
  for (auto& job : jobs)
    reject(job, {ErrorCode::Closed, failure.empty() ? "the engine was closed" : "the engine has failed: " + failure});
  if (table_) {
    if (!failure.empty()) emit(table_->fail_all(failure));
    table_->cancel_all();
    emit(table_->sweep());
  }
  memory_.reset();
  publish_memory();
  held_.reset();
  give_memory_back();
  mx::clear_streams();
  gauges_.weight_bytes = 0;
  if (failure.empty()) gauges_.phase = Phase::Closed;
  beat();
}

void Engine::reject(Job& job, const EngineError& error) {
  std::visit([&](auto& each) { each.done(error); }, job);
}

void Engine::emit(std::vector<StepOutput> outputs) {
  if (table_) settle_memory(table_->take_changes());
  if (!outputs.empty()) listener_.outputs(std::move(outputs));
}

bool Engine::settle_memory(std::vector<KvChange> changes) {
  std::string problem;
  try {
    for (const KvChange& change : changes) memory_->apply(change);
    if (leader_) leader_->note(std::move(changes));
  } catch (...) {
    problem = as_engine_error(std::current_exception(), ErrorCode::OutOfMemory).what();
  }
  publish_memory();
  if (problem.empty()) return true;
  // Which changes were made is not known: everything begins anew, in a group with the next one.
  std::vector<StepOutput> outputs = table_->fail_all(problem);
  table_->forget_memory();
  memory_.emplace(held_->llama.make_memory());
  publish_memory();
  if (group_) group_->abort(problem);
  if (!outputs.empty()) listener_.outputs(std::move(outputs));
  return false;
}

void Engine::publish_memory() {
  gauges_.kv_bytes = memory_ ? memory_->task_bytes() : 0;
  gauges_.prefix_bytes = memory_ ? memory_->kept_bytes() : 0;
}

void Engine::beat() {
  gauges_.beats++;
  gauges_.allocator_active_bytes = static_cast<std::int64_t>(mx::get_active_memory());
  gauges_.allocator_peak_bytes = static_cast<std::int64_t>(mx::get_peak_memory());
  gauges_.allocator_cache_bytes = static_cast<std::int64_t>(mx::get_cache_memory());
}

}  // namespace skein
