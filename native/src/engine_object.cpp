#include "engine_object.h"

#include <chrono>
#include <utility>

#include "js_values.h"

namespace skein {
namespace {

/** At the environment's end the thread gets this long for the layer it is in. */
constexpr auto kEndDeadline = std::chrono::seconds(5);

template <typename T>
void settle(Napi::Env env, Napi::Promise::Deferred deferred, const Outcome<T>& outcome,
            Napi::Value (*convert)(Napi::Env, const T&)) {
  if (const auto* failure = std::get_if<EngineError>(&outcome)) {
    deferred.Reject(js::error(env, *failure).Value());
  } else {
    deferred.Resolve(convert(env, std::get<T>(outcome)));
  }
}

}  // namespace

EngineRegistry::EngineRegistry(Napi::Env env) : constructor_(Napi::Persistent(EngineObject::define(env))) {
  // `process.exit` and uncaught exceptions end the process without ending the environment; MLX's static objects would be
  // destroyed under a running thread.
  const auto process = env.Global().Get("process").As<Napi::Object>();
  process.Get("once").As<Napi::Function>().Call(
      process,
      {Napi::String::New(env, "exit"), Napi::Function::New(env, [this](const Napi::CallbackInfo&) { stop_all(); })});
  // A worker's end, for instance.
  env.AddCleanupHook([this] { stop_all(); });
}

void EngineRegistry::stop_all() {
  for (EngineObject* engine : std::exchange(live_, {})) engine->stop_at_end();
}

Napi::Function EngineObject::define(Napi::Env env) {
  return DefineClass(
      env, "NativeEngine",
      {InstanceMethod("listen", &EngineObject::listen), InstanceMethod("connect", &EngineObject::connect),
       InstanceMethod("abortGroup", &EngineObject::abort_group),
       InstanceMethod("load", &EngineObject::load), InstanceMethod("submit", &EngineObject::submit),
       InstanceMethod("cancel", &EngineObject::cancel), InstanceMethod("evaluate", &EngineObject::evaluate),
       InstanceMethod("heartbeat", &EngineObject::heartbeat), InstanceMethod("close", &EngineObject::close)});
}

EngineObject::EngineObject(const Napi::CallbackInfo& info)
    : ObjectWrap(info), channel_(std::make_shared<JsChannel>(info.Env())) {
  on_steps_ = Napi::Persistent(info[0].As<Napi::Function>());
  // Posted functions use `this`: `Ref` below keeps it alive until `collect`, and a closed channel delivers nothing.
  auto channel = channel_;
  engine_ = std::make_shared<Engine>(
      Engine::Listener{[this, channel](std::vector<StepOutput> outputs) {
                         channel->post([this, outputs = std::move(outputs)](Napi::Env env) { deliver(env, outputs); });
                       },
                       [this, channel](std::string why) {
                         channel->post([this, why = std::move(why)](Napi::Env env) {
                           if (!on_lost_.IsEmpty()) on_lost_.Call({Napi::String::New(env, why)});
                         });
                       },
                       [this, channel] { channel->post([this](Napi::Env env) { collect(env); }); }});
  Ref();
  info.Env().GetInstanceData<EngineRegistry>()->add(this);
}

Napi::Value EngineObject::listen(const Napi::CallbackInfo& info) {
  return js::guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsString()) throw EngineError(ErrorCode::BadArgument, "the host is not a string");
    return Napi::Number::New(info.Env(), engine_->listen(info[0].As<Napi::String>()));
  });
}

Napi::Value EngineObject::connect(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto deferred = Napi::Promise::Deferred::New(env);
  try {
    GroupOptions options = js::group_options(info[0]);
    if (!info[1].IsFunction()) throw EngineError(ErrorCode::BadArgument, "onLost is not a function");
    auto channel = channel_;
    engine_->connect(std::move(options), [this, channel, deferred](Outcome<std::monostate> outcome) {
      channel->post([this, deferred, outcome = std::move(outcome)](Napi::Env e) {
        channel_->release(e);
        settle<std::monostate>(e, deferred, outcome, js::nothing);
      });
    });
    on_lost_ = Napi::Persistent(info[1].As<Napi::Function>());
    channel_->hold(env);
  } catch (const EngineError& failure) {
    deferred.Reject(js::error(env, failure).Value());
  }
  return deferred.Promise();
}

void EngineObject::abort_group(const Napi::CallbackInfo& info) {
  js::guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsString()) throw EngineError(ErrorCode::BadArgument, "the reason is not a string");
    engine_->abort_group(info[0].As<Napi::String>());
    return info.Env().Undefined();
  });
}

Napi::Value EngineObject::load(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto deferred = Napi::Promise::Deferred::New(env);
  try {
    LoadRequest request = js::load_request(info[0]);
    if (!info[1].IsFunction()) throw EngineError(ErrorCode::BadArgument, "onLayer is not a function");
    auto channel = channel_;
    engine_->load(
        std::move(request),
        [this, channel](int done, int total) {
          channel->post([this, done, total](Napi::Env e) {
            if (!on_layer_.IsEmpty()) on_layer_.Call({Napi::Number::New(e, done), Napi::Number::New(e, total)});
          });
        },
        [this, channel, deferred](Outcome<LoadedModel> outcome) {
          channel->post([this, deferred, outcome = std::move(outcome)](Napi::Env e) {
            on_layer_.Reset();
            channel_->release(e);
            settle<LoadedModel>(e, deferred, outcome, js::loaded_model);
          });
        });
    on_layer_ = Napi::Persistent(info[1].As<Napi::Function>());
    channel_->hold(env);
  } catch (const EngineError& failure) {
    deferred.Reject(js::error(env, failure).Value());
  }
  return deferred.Promise();
}

Napi::Value EngineObject::submit(const Napi::CallbackInfo& info) {
  return js::guarded(info.Env(), [&]() -> Napi::Value {
    const TaskId task = engine_->submit(js::generate_request(info[0]));
    channel_->hold(info.Env());
    return Napi::Number::New(info.Env(), static_cast<double>(task));
  });
}

void EngineObject::cancel(const Napi::CallbackInfo& info) {
  js::guarded(info.Env(), [&]() -> Napi::Value {
    engine_->cancel(js::task_id(info[0]));
    return info.Env().Undefined();
  });
}

Napi::Value EngineObject::evaluate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto deferred = Napi::Promise::Deferred::New(env);
  try {
    auto channel = channel_;
    engine_->evaluate(js::evaluate_input(info[0]), [this, channel, deferred](Outcome<std::vector<float>> outcome) {
      channel->post([this, deferred, outcome = std::move(outcome)](Napi::Env e) {
        channel_->release(e);
        settle<std::vector<float>>(e, deferred, outcome, js::floats);
      });
    });
    channel_->hold(env);
  } catch (const EngineError& failure) {
    deferred.Reject(js::error(env, failure).Value());
  }
  return deferred.Promise();
}

Napi::Value EngineObject::heartbeat(const Napi::CallbackInfo& info) {
  return js::heartbeat(info.Env(), engine_->gauges());
}

Napi::Value EngineObject::close(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto deferred = Napi::Promise::Deferred::New(env);
  if (ended_) {
    deferred.Resolve(env.Undefined());
  } else {
    if (closing_.empty()) channel_->hold(env);
    closing_.push_back(deferred);
    engine_->close();
  }
  return deferred.Promise();
}

void EngineObject::deliver(Napi::Env env, const std::vector<StepOutput>& outputs) {
  for (const auto& output : outputs) {
    if (output.finish) channel_->release(env);
  }
  on_steps_.Call({js::step_outputs(env, outputs)});
}

void EngineObject::collect(Napi::Env env) {
  ended_ = true;
  // Not a wait: `ended` is the thread's last act.
  engine_->join();
  env.GetInstanceData<EngineRegistry>()->remove(this);
  if (!closing_.empty()) channel_->release(env);
  for (const auto& deferred : std::exchange(closing_, {})) deferred.Resolve(env.Undefined());
  channel_->close();
  Unref();
}

void EngineObject::stop_at_end() {
  ended_ = true;
  channel_->close();
  engine_->close();
  if (engine_->wait_ended(kEndDeadline)) {
    engine_->join();
  } else {
    // Stuck, in a collective for instance: left behind with what it uses; the supervisor's SIGKILL is next.
    static_cast<void>(new std::shared_ptr<Engine>(engine_));
  }
}

}  // namespace skein
