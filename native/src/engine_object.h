#pragma once

#include <napi.h>

#include <memory>
#include <unordered_set>
#include <vector>

#include "engine.h"
#include "js_channel.h"

namespace skein {

class EngineObject;

/** The engines of one environment. Their threads end before the process does, however it ends on the JS side. */
class EngineRegistry {
 public:
  /** Defines the class and listens for the process's `exit` and the environment's end. */
  explicit EngineRegistry(Napi::Env env);

  Napi::Object create(const Napi::Function& on_steps) { return constructor_.New({on_steps}); }
  void add(EngineObject* engine) { live_.insert(engine); }
  void remove(EngineObject* engine) { live_.erase(engine); }
  /** Ends the thread of every engine that is left. Nothing is delivered any more. */
  void stop_all();

 private:
  Napi::FunctionReference constructor_;
  std::unordered_set<EngineObject*> live_;
};

/** `NativeEngine` of addon.d.ts: an `Engine` with its callbacks carried to the JS thread. JS thread only. */
class EngineObject : public Napi::ObjectWrap<EngineObject> {
 public:
  static Napi::Function define(Napi::Env env);

  /** One argument: `onSteps`. Stays alive until it is closed or the environment ends. */
  explicit EngineObject(const Napi::CallbackInfo& info);

  /** Waits a bounded time for the layer that is under way; a stuck thread is left behind. */
  void stop_at_end();

 private:
  Napi::Value listen(const Napi::CallbackInfo& info);
  Napi::Value connect(const Napi::CallbackInfo& info);
  void abort_group(const Napi::CallbackInfo& info);
  Napi::Value load(const Napi::CallbackInfo& info);
  Napi::Value submit(const Napi::CallbackInfo& info);
  void cancel(const Napi::CallbackInfo& info);
  Napi::Value evaluate(const Napi::CallbackInfo& info);
  Napi::Value heartbeat(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  void deliver(Napi::Env env, const std::vector<StepOutput>& outputs);
  void collect(Napi::Env env);

  // Shared with the engine thread, which may outlive this object when it is stuck.
  std::shared_ptr<JsChannel> channel_;
  std::shared_ptr<Engine> engine_;
  Napi::FunctionReference on_steps_;
  Napi::FunctionReference on_lost_;
  Napi::FunctionReference on_layer_;
  std::vector<Napi::Promise::Deferred> closing_;
  bool ended_ = false;
};

}  // namespace skein
