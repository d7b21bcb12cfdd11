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

/** What was thrown, as one of our failures; `otherwise` when it says nothing about itself. */
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

/** Steps leave freed blocks behind, in MLX's cache and in malloc's; an idle engine should not hold on to them. */
void give_memory_back() {
  mx::clear_cache();
#if defined(__GLIBC__)
  ::malloc_trim(0);
#endif
}

}  // namespace

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
  jobs_.push_back(LoadJob{std::move(request), std::move(layer_done), std::move(done)});
  wake_.notify_all();
}

TaskId Engine::submit(GenerateRequest request) {
  const std::lock_guard lock(mutex_);
  check_open_locked();
  if (!table_) throw EngineError(ErrorCode::NotLoaded, "no model is loaded");
  if (!whole_)
    throw EngineError(ErrorCode::BadArgument,
                      "this engine holds only some layers of the model; it cannot generate alone");
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
  if (!table_) throw EngineError(ErrorCode::NotLoaded, "no model is loaded");
  if (jobs_.size() >= kMaxJobs) throw EngineError(ErrorCode::QueueFull, "too many evaluations wait");
  jobs_.push_back(EvaluateJob{std::move(input), std::move(done)});
  wake_.notify_all();
}

void Engine::close() {
  const std::lock_guard lock(mutex_);
  closing_ = true;
  if (table_) table_->cancel_all();
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
    if (job) {
      run_job(*job);
    } else if (table_ && !table_->idle()) {
      run_one_step();
    } else {
      become_idle();
      wait_for_work();
    }
    beat();
  }
}

void Engine::run_job(Job& job) {
  was_busy_ = true;
  if (auto* load = std::get_if<LoadJob>(&job)) {
    gauges_.phase = Phase::Loading;
    try {
      load->done(load_model(*load));
    } catch (...) {
      llama_.reset();
      {
        const std::lock_guard lock(mutex_);
        load_asked_ = false;
      }
      reject(job, as_engine_error(std::current_exception(), ErrorCode::BadModel));
    }
    return;
  }
  auto& evaluate = std::get<EvaluateJob>(job);
  gauges_.phase = Phase::Stepping;
  const auto after_layer = [this] {
    beat();
    stop_if_closing();
    emit(table_->sweep());
  };
  try {
    evaluate.done(evaluate_input(*llama_, evaluate.input, limits_.prefill_chunk, limits_.context_tokens, after_layer));
  } catch (...) {
    reject(job, as_engine_error(std::current_exception(), ErrorCode::BadArgument));
  }
}

LoadedModel Engine::load_model(const LoadJob& job) {
  const LoadRequest& request = job.request;
  const gguf::File file(request.path);
  const LlamaConfig config = read_llama_config(file);
  if (request.last_layer > config.layers) {
    throw EngineError(ErrorCode::BadArgument, "layers [" + std::to_string(request.first_layer) + ", " +
                                                  std::to_string(request.last_layer) + ") are not in this model of " +
                                                  std::to_string(config.layers) + " layers");
  }
  const std::int64_t token_bytes =
      KvCache::bytes_per_token(request.last_layer - request.first_layer, config.kv_heads, config.head_size);
  const std::int64_t kv_blocks = request.limits.kv_bytes / (token_bytes * KvCache::kBlockTokens);
  if (kv_blocks < 1) {
    throw EngineError(ErrorCode::OutOfMemory, "kvBytes " + std::to_string(request.limits.kv_bytes) +
                                                  " holds no block of " + std::to_string(KvCache::kBlockTokens) +
                                                  " tokens, which takes " +
                                                  std::to_string(token_bytes * KvCache::kBlockTokens) + " bytes");
  }
  limits_ = request.limits;
  limits_.context_tokens = static_cast<int>(std::min(
      {std::int64_t{config.context}, std::int64_t{limits_.context_tokens}, kv_blocks * KvCache::kBlockTokens}));

  const auto progressed = [this] {
    beat();
    stop_if_closing();
  };
  llama_.emplace(file, config, request.first_layer, request.last_layer, progressed, job.layer_done);
  gauges_.weight_bytes = static_cast<std::int64_t>(llama_->weight_bytes());
  const std::lock_guard lock(mutex_);
  whole_ = llama_->has_embedding() && llama_->has_head();
  table_ = std::make_shared<TaskTable>(SchedulerLimits{limits_.max_tasks, limits_.max_queued, limits_.prefill_chunk,
                                                       limits_.context_tokens, kv_blocks, KvCache::kBlockTokens},
                                       config.vocabulary, gauges_);
  return {"llama",    config.layers, config.hidden, config.vocabulary, limits_.context_tokens, gauges_.weight_bytes,
          token_bytes};
}

void Engine::run_one_step() {
  gauges_.phase = Phase::Stepping;
  was_busy_ = true;
  emit(table_->sweep());
  Step step = table_->next_step();
  if (step.empty()) return;
  const auto after_layer = [this] {
    beat();
    emit(table_->sweep());
  };
  try {
    auto logits = run_step(*llama_, step, after_layer);
    const std::span<float> rows = logits ? std::span(logits->data<float>(), logits->size()) : std::span<float>();
    emit(table_->complete(step, rows));
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
    failure = failure_;
  }
  if (failure.empty()) gauges_.phase = Phase::Closing;
  for (auto& job : jobs)
    reject(job, {ErrorCode::Closed, failure.empty() ? "the engine was closed" : "the engine has failed: " + failure});
  if (table_) {
    if (!failure.empty()) emit(table_->fail_all(failure));
    table_->cancel_all();
    emit(table_->sweep());
  }
  llama_.reset();
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
  if (!outputs.empty()) listener_.outputs(std::move(outputs));
}

void Engine::beat() {
  gauges_.beats++;
  gauges_.allocator_active_bytes = static_cast<std::int64_t>(mx::get_active_memory());
  gauges_.allocator_peak_bytes = static_cast<std::int64_t>(mx::get_peak_memory());
  gauges_.allocator_cache_bytes = static_cast<std::int64_t>(mx::get_cache_memory());
}

}  // namespace skein
