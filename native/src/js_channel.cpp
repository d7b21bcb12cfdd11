#include "js_channel.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace skein {
namespace {

/** Messages under way; at one or two a step, JS is seconds behind when it is reached. */
constexpr std::size_t kMaxPending = 1024;

}  // namespace

struct JsChannel::State {
  static void deliver(Napi::Env env, Napi::Function callback, std::shared_ptr<State>* context, void* data);
  using Function = Napi::TypedThreadSafeFunction<std::shared_ptr<State>, void, &State::deliver>;

  std::mutex mutex;
  std::condition_variable drained;
  std::deque<Message> pending;
  /** A call to `deliver` is under way and will take everything that is pending. */
  bool woken = false;
  bool closed = false;
  Function function;
};

void JsChannel::State::deliver(Napi::Env env, Napi::Function, std::shared_ptr<State>* context, void*) {
  // At the environment's end Node calls without one, to let data be freed.
  if (static_cast<napi_env>(env) == nullptr) return;
  const std::shared_ptr<State> state = *context;
  std::deque<Message> messages;
  {
    const std::lock_guard lock(state->mutex);
    messages.swap(state->pending);
    state->woken = false;
  }
  state->drained.notify_all();
  for (auto& message : messages) {
    const Napi::HandleScope scope(env);
    try {
      message(env);
    } catch (const Napi::Error& error) {
      napi_fatal_exception(env, error.Value());
    }
  }
}

JsChannel::JsChannel(Napi::Env env) : state_(std::make_shared<State>()) {
  auto* context = new std::shared_ptr<State>(state_);
  state_->function = State::Function::New(
      env, Napi::Function(), "skein engine", /*maxQueueSize=*/0, /*initialThreadCount=*/1, context,
      [](Napi::Env, void*, std::shared_ptr<State>* held) { delete held; }, static_cast<void*>(nullptr));
  state_->function.Unref(env);
}

JsChannel::~JsChannel() { close(); }

void JsChannel::post(Message message) {
  std::unique_lock lock(state_->mutex);
  state_->drained.wait(lock, [this] { return state_->closed || state_->pending.size() < kMaxPending; });
  if (state_->closed) return;
  state_->pending.push_back(std::move(message));
  if (std::exchange(state_->woken, true)) return;
  // Under the lock, so that `close` cannot let go of the function in between; the call itself never blocks.
  state_->function.NonBlockingCall();
}

void JsChannel::hold(Napi::Env env) {
  if (holders_++ == 0) state_->function.Ref(env);
}

void JsChannel::release(Napi::Env env) {
  if (--holders_ == 0) state_->function.Unref(env);
}

void JsChannel::close() {
  std::deque<Message> dropped;
  {
    const std::lock_guard lock(state_->mutex);
    if (std::exchange(state_->closed, true)) return;
    dropped.swap(state_->pending);
    state_->function.Release();
  }
  state_->drained.notify_all();
}

}  // namespace skein
