// Registration only: what `NativeAddon` in addon.d.ts promises.
#include <napi.h>

#include <memory>

#include "engine_object.h"
#include "jaccl.h"
#include "js_values.h"
#include "mlx/device.h"
#include "mlx/version.h"
#include "quantized_linear.h"
#include "self_test.h"
#include "side_channel_object.h"

namespace skein {
namespace {

Napi::Object features(Napi::Env env) {
  auto result = Napi::Object::New(env);
  result.Set("mlxVersion", mlx::core::version());
  result.Set("device", mlx::core::default_device() == mlx::core::Device::gpu ? "gpu" : "cpu");
  result.Set("kernel", kernel_name());
  result.Set("threads", kernel_threads());
  result.Set("jaccl", jaccl_available());
  return result;
}

void self_test(const Napi::CallbackInfo& info) {
  try {
    run_self_test();
  } catch (const std::exception& failure) {
    throw Napi::Error::New(info.Env(), failure.what());
  }
}

Napi::Value read_gguf(const Napi::CallbackInfo& info) {
  return js::guarded(info.Env(), [&] { return js::header(info.Env(), gguf::File(js::path(info[0]))); });
}

Napi::Value create_engine(const Napi::CallbackInfo& info) {
  return js::guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsFunction()) throw EngineError(ErrorCode::BadArgument, "onSteps is not a function");
    return info.Env().GetInstanceData<EngineRegistry>()->create(info[0].As<Napi::Function>());
  });
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  try {
    exports.Set("features", features(env));
  } catch (const std::exception& failure) {
    // A bad SKEIN_CPU_* setting, for instance.
    throw Napi::Error::New(env, failure.what());
  }
  env.SetInstanceData(new EngineRegistry(env));
  exports.Set("selfTest", Napi::Function::New(env, self_test, "selfTest"));
  exports.Set("readGguf", Napi::Function::New(env, read_gguf, "readGguf"));
  exports.Set("createEngine", Napi::Function::New(env, create_engine, "createEngine"));
  exports.Set("openSideChannel", Napi::Function::New(env, open_side_channel, "openSideChannel"));
  return exports;
}

}  // namespace

NODE_API_MODULE(skein_engine, initialise)

}  // namespace skein
