#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "engine.h"
#include "js_channel.h"

namespace skein {

/** `NativeEngine` of addon.d.ts: an `Engine` with its callbacks carried to the JS thread. JS thread only. */
class EngineObject : public Napi::ObjectWrap<EngineObject> {
 public:
  static Napi::Function define(Napi::Env env);

  /** One argument: `onSteps`. Stays alive until it is closed or the environment ends. */
  explicit EngineObject(const Napi::CallbackInfo& info);
  ~EngineObject() override;

 private:
  Napi::Value load(const Napi::CallbackInfo& info);
  Napi::Value submit(const Napi::CallbackInfo& info);
  void cancel(const Napi::CallbackInfo& info);
  Napi::Value evaluate(const Napi::CallbackInfo& info);
  Napi::Value heartbeat(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  void deliver(Napi::Env env, const std::vector<StepOutput>& outputs);
  void collect(Napi::Env env);
  static void at_environment_end(void* self);

  // Shared with the engine thread, which may outlive this object when it is stuck.
  std::shared_ptr<JsChannel> channel_;
  std::shared_ptr<Engine> engine_;
  Napi::FunctionReference on_steps_;
  Napi::FunctionReference on_layer_;
  std::vector<Napi::Promise::Deferred> closing_;
  bool ended_ = false;
};

}  // namespace skein
