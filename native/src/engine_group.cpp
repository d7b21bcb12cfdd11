// The engine as one rank of a group.
#include "engine.h"
#include "group/tcp_group.h"
#include "jaccl.h"
#include "mlx/stream.h"

namespace skein {
namespace mx = mlx::core;
namespace {

/** A rank without work looks after its own affairs as often. */
constexpr auto kFollowerWait = std::chrono::milliseconds(200);

}  // namespace

int Engine::listen(const std::string& host) {
  Descriptor socket = listen_at((host.find(':') == std::string::npos ? host : "[" + host + "]") + ":0");
  const int port = port_of(socket);
  const std::lock_guard lock(mutex_);
  check_open_locked();
  listener_socket_ = std::move(socket);
  return port;
}

void Engine::connect(GroupOptions options, Connected done) {
  const std::lock_guard lock(mutex_);
  check_open_locked();
  if (connect_asked_) throw EngineError(ErrorCode::BadArgument, "this engine is in a group or is joining one");
  if (table_) throw EngineError(ErrorCode::AlreadyLoaded, "this engine runs alone; join its group before it loads");
  connect_asked_ = true;
  abort_asked_ = false;
  jobs_.push_back(ConnectJob{std::move(options), std::move(listener_socket_), std::move(done)});
  wake_.notify_all();
}

void Engine::abort_group(const std::string& why) {
  const std::lock_guard lock(mutex_);
  abort_asked_ = true;
  if (group_) group_->abort(why);
  wake_.notify_all();
}

void Engine::run_job(ConnectJob& job) {
  gauges_.phase = Phase::Loading;
  const auto joining = [this] {
    gauges_.beats++;
    stop_if_closing();
    const std::lock_guard lock(mutex_);
    if (abort_asked_) throw EngineError(ErrorCode::GroupLost, "joining the group was given up");
  };
  try {
    const auto waiting = [this] { gauges_.beats++; };
    Descriptor listener = std::move(job.listener);
    std::shared_ptr<Group> group;
    if (const auto* tcp = std::get_if<TcpOptions>(&job.options))
      group = std::make_shared<TcpGroup>(*tcp, std::move(listener), joining, waiting);
    else
      group = join_jaccl(std::get<SideChannelOptions>(job.options), joining, waiting);
    {
      const std::lock_guard lock(mutex_);
      group_ = std::move(group);
      lost_.clear();
    }
    job.done(std::monostate{});
  } catch (...) {
    {
      const std::lock_guard lock(mutex_);
      connect_asked_ = false;
    }
    job.done(as_engine_error(std::current_exception(), ErrorCode::GroupLost));
  }
}

void Engine::join_ranks(const LoadJob& job, RankShape& shape) {
  if (!job.in_group) return;
  if (!group_) {
    const std::lock_guard lock(mutex_);
    throw EngineError(ErrorCode::GroupLost, lost_);
  }
  shape = agree(*group_, shape);
  const bool sliced = shape.shard.tensor_size > 1;
  held_->llama.set_sum(nullptr);
  if (sliced) held_->llama.set_sum([group = group_](const mx::array& own) { return group->all_sum(own); });
  if (group_->rank() == 0) {
    leader_.emplace(group_, held_->llama, sliced);
  } else {
    follower_.emplace(group_, held_->llama, *memory_, sliced, shape.context_tokens);
  }
}

void Engine::watch_group() {
  if (!group_) return;
  try {
    group_->check();
    if (leader_ && table_->idle()) leader_->announce_ended();
  } catch (const EngineError& error) {
    lose_group(error);
  }
}

void Engine::lead_one_step() {
  gauges_.phase = Phase::Stepping;
  was_busy_ = true;
  // Cancels are seen between steps only: all ranks compute the rows that were planned.
  emit(table_->sweep());
  try {
    std::vector<KvChange> changes;
    Step step = table_->next_step(changes);
    if (!settle_memory(std::move(changes)) || step.empty()) return;
    const auto after_layer = [this] {
      beat();
      group_->check();
    };
    auto results = leader_->step(step, *memory_, after_layer);
    emit(table_->complete(step, std::move(results)));
  } catch (...) {
    lose_group(as_engine_error(std::current_exception(), ErrorCode::GroupLost));
  }
}

void Engine::follow() {
  const auto began = [this] {
    gauges_.phase = Phase::Stepping;
    was_busy_ = true;
  };
  const auto after_layer = [this] {
    beat();
    group_->check();
  };
  try {
    if (!follower_->step(kFollowerWait, began, after_layer)) become_idle();
    gauges_.active_tasks = follower_->tasks();
    publish_memory();
  } catch (...) {
    lose_group(as_engine_error(std::current_exception(), ErrorCode::GroupLost));
  }
}

void Engine::lose_group(const EngineError& error) {
  if (!group_) return;
  const std::string why = error.what();
  group_->abort("rank " + std::to_string(group_->rank()) + ": " + why);
  // What is under way computes with zeros now; nobody wants it.
  mx::synchronize();
  leader_.reset();
  follower_.reset();
  if (table_) emit(table_->fail_all("the group was lost: " + why));
  std::shared_ptr<Group> group;
  {
    const std::lock_guard lock(mutex_);
    if (table_) {
      last_task_ = table_->last_task();
      load_asked_ = false;
    }
    table_.reset();
    group.swap(group_);
    lost_ = why;
    connect_asked_ = false;
  }
  memory_.reset();
  publish_memory();
  if (held_) held_->llama.set_sum(nullptr);
  group.reset();
  gauges_.active_tasks = 0;
  gauges_.queued_tasks = 0;
  if (!closing_) listener_.lost(why);
}

}  // namespace skein
