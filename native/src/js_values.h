#pragma once

#include <napi.h>

#include <functional>
#include <vector>

#include "engine_types.h"
#include "gguf.h"
#include "side_channel.h"

/** The seam's types (addon.d.ts) to and from C++. Whatever does not fit throws a JS error with code `BadArgument`. */
namespace skein::js {

Napi::Error error(Napi::Env env, const EngineError& failure);
/** Runs `body` and turns an `EngineError` into a JS error. */
Napi::Value guarded(Napi::Env env, const std::function<Napi::Value()>& body);

GroupOptions group_options(const Napi::Value& value);
SideChannelOptions side_channel_options(const Napi::Value& value);
LoadRequest load_request(const Napi::Value& value);
GenerateRequest generate_request(const Napi::Value& value);
EvaluateInput evaluate_input(const Napi::Value& value);
TaskId task_id(const Napi::Value& value);
std::string path(const Napi::Value& value);

Napi::Value nothing(Napi::Env env, const std::monostate&);
Napi::Value header(Napi::Env env, const gguf::File& file);
Napi::Value loaded_model(Napi::Env env, const LoadedModel& model);
Napi::Value step_outputs(Napi::Env env, const std::vector<StepOutput>& outputs);
Napi::Value heartbeat(Napi::Env env, const Gauges& gauges);
Napi::Value floats(Napi::Env env, const std::vector<float>& values);

}  // namespace skein::js
