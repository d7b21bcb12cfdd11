#include "js_values.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

namespace skein::js {
namespace {

constexpr double kMaxSafeInteger = 9007199254740991.0;

[[noreturn]] void refuse(const std::string& what) { throw EngineError(ErrorCode::BadArgument, what); }

Napi::Object object(const Napi::Value& value, const char* what) {
  if (!value.IsObject()) refuse(std::string(what) + " is not an object");
  return value.As<Napi::Object>();
}

double number(const Napi::Object& from, const char* name) {
  const Napi::Value value = from.Get(name);
  if (!value.IsNumber()) refuse(std::string(name) + " is not a number");
  const double result = value.As<Napi::Number>().DoubleValue();
  if (!std::isfinite(result)) refuse(std::string(name) + " is not finite");
  return result;
}

std::int64_t integer(const Napi::Object& from, const char* name, double low, double high) {
  const double value = number(from, name);
  if (value != std::floor(value) || value < low || value > high) {
    refuse(std::string(name) + " is " + from.Get(name).ToString().Utf8Value() + ", not an integer from " +
           std::to_string(static_cast<std::int64_t>(low)) + " to " + std::to_string(static_cast<std::int64_t>(high)));
  }
  return static_cast<std::int64_t>(value);
}

int small(const Napi::Object& from, const char* name, int low, int high) {
  return static_cast<int>(integer(from, name, low, high));
}

float real(const Napi::Object& from, const char* name) { return static_cast<float>(number(from, name)); }

template <typename Typed, typename Element>
std::vector<Element> elements(const Napi::Value& value, napi_typedarray_type type, const char* what) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) refuse(what);
  const auto array = value.As<Typed>();
  const auto* data = reinterpret_cast<const Element*>(array.Data());
  return std::vector<Element>(data, data + array.ElementLength());
}

std::vector<std::int32_t> tokens(const Napi::Object& from, const char* name) {
  const std::string what = std::string(name) + " is not an Int32Array";
  return elements<Napi::Int32Array, std::int32_t>(from.Get(name), napi_int32_array, what.c_str());
}

SamplingOptions sampling(const Napi::Value& value) {
  const Napi::Object from = object(value, "sampling");
  const Napi::Value seed = from.Get("seed");
  if (!seed.IsBigInt()) refuse("seed is not a bigint");
  bool lossless = false;
  const std::uint64_t seed_value = seed.As<Napi::BigInt>().Uint64Value(&lossless);
  if (!lossless) refuse("seed is not a bigint from 0 to 2^64 - 1");
  constexpr int kMany = std::numeric_limits<std::int32_t>::max();
  return {real(from, "temperature"),
          real(from, "topP"),
          small(from, "topK", 0, kMany),
          real(from, "minP"),
          real(from, "repetitionPenalty"),
          real(from, "presencePenalty"),
          real(from, "frequencyPenalty"),
          small(from, "penaltyWindow", 0, kMany),
          seed_value};
}

/** None: whole layers. */
void read_slice(const Napi::Value& value, Shard& shard) {
  if (value.IsUndefined()) return;
  const Napi::Object from = object(value, "tensor");
  shard.tensor_size = small(from, "size", 2, 64);
  shard.tensor_rank = small(from, "rank", 0, shard.tensor_size - 1);
}

/** Defines rather than sets: a key such as `__proto__` comes from the file. */
void define(Napi::Env env, napi_value target, std::string_view key, napi_value value) {
  const Napi::String name = Napi::String::New(env, key.data(), key.size());
  const napi_property_descriptor property{nullptr, name, nullptr, nullptr, nullptr, value, napi_default_jsproperty,
                                          nullptr};
  const napi_status status = napi_define_properties(env, target, 1, &property);
  if (status != napi_ok) throw Napi::Error::New(env, "cannot define a property");
}

struct ToJs {
  Napi::Env env;

  Napi::Value operator()(std::uint64_t value) const {
    if (static_cast<double>(value) <= kMaxSafeInteger) return Napi::Number::New(env, static_cast<double>(value));
    return Napi::BigInt::New(env, value);
  }
  Napi::Value operator()(std::int64_t value) const {
    if (std::abs(static_cast<double>(value)) <= kMaxSafeInteger)
      return Napi::Number::New(env, static_cast<double>(value));
    return Napi::BigInt::New(env, value);
  }
  Napi::Value operator()(double value) const { return Napi::Number::New(env, value); }
  Napi::Value operator()(bool value) const { return Napi::Boolean::New(env, value); }
  Napi::Value operator()(std::string_view value) const { return Napi::String::New(env, value.data(), value.size()); }
  Napi::Value operator()(const gguf::Array& values) const {
    const auto array = Napi::Array::New(env, values.size());
    for (std::size_t i = 0; i < values.size(); i++) {
      // One scope each: a vocabulary has hundreds of thousands of strings.
      const Napi::HandleScope scope(env);
      array.Set(static_cast<std::uint32_t>(i), std::visit(*this, values[i].data));
    }
    return array;
  }
};

const char* name_of(Finish finish) {
  switch (finish) {
    case Finish::Stop: return "stop";
    case Finish::Length: return "length";
    case Finish::Cancelled: return "cancelled";
    case Finish::Failed: return "failed";
  }
  return "failed";
}

const char* name_of(Phase phase) {
  switch (phase) {
    case Phase::Idle: return "idle";
    case Phase::Loading: return "loading";
    case Phase::Stepping: return "stepping";
    case Phase::Closing: return "closing";
    case Phase::Closed: return "closed";
    case Phase::Failed: return "failed";
  }
  return "failed";
}

Napi::Object step_output(Napi::Env env, const StepOutput& output) {
  auto result = Napi::Object::New(env);
  result.Set("task", static_cast<double>(output.task));
  if (output.prefilled) result.Set("prefilled", *output.prefilled);
  if (output.cached) result.Set("cached", *output.cached);
  if (output.finish) result.Set("finish", name_of(*output.finish));
  if (!output.error.empty()) result.Set("error", output.error);
  if (!output.sampled) return result;
  result.Set("token", output.sampled->token);
  if (!output.logprobs) return result;
  result.Set("logprob", static_cast<double>(output.sampled->logprob));
  const auto top = Napi::Array::New(env, output.sampled->top.size());
  for (std::size_t i = 0; i < output.sampled->top.size(); i++) {
    auto each = Napi::Object::New(env);
    each.Set("token", output.sampled->top[i].token);
    each.Set("logprob", static_cast<double>(output.sampled->top[i].logprob));
    top.Set(static_cast<std::uint32_t>(i), each);
  }
  result.Set("topLogprobs", top);
  return result;
}

}  // namespace

Napi::Error error(Napi::Env env, const EngineError& failure) {
  Napi::Error result = Napi::Error::New(env, failure.what());
  result.Set("code", Napi::String::New(env, skein::name_of(failure.code())));
  return result;
}

Napi::Value guarded(Napi::Env env, const std::function<Napi::Value()>& body) {
  try {
    return body();
  } catch (const EngineError& failure) {
    throw error(env, failure);
  } catch (const std::bad_alloc&) {
    throw error(env, {ErrorCode::OutOfMemory, "there is not enough memory"});
  }
}

std::string path(const Napi::Value& value) {
  if (!value.IsString()) refuse("path is not a string");
  const std::string text = value.As<Napi::String>();
  if (text.empty() || text.find('\0') != std::string::npos) refuse("path is empty or holds a zero byte");
  return text;
}

GroupOptions group_options(const Napi::Value& value) {
  const Napi::Object from = object(value, "options");
  if (from.Has("sideChannel")) return side_channel_options(from.Get("sideChannel"));
  TcpOptions options{};
  const Napi::Value addresses = from.Get("addresses");
  if (!addresses.IsArray()) refuse("addresses is not an array");
  const auto list = addresses.As<Napi::Array>();
  if (list.Length() < 2 || list.Length() > 64) refuse("addresses must be those of 2 to 64 ranks");
  for (std::uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Value each = list.Get(i);
    if (!each.IsString()) refuse("an address is not a string");
    options.addresses.push_back(each.As<Napi::String>());
  }
  options.rank = small(from, "rank", 0, static_cast<int>(list.Length()) - 1);
  const auto secret = elements<Napi::Uint8Array, std::byte>(from.Get("secret"), napi_uint8_array, "secret is not a Uint8Array");
  if (secret.size() != options.secret.size()) refuse("secret is not 16 bytes long");
  std::copy(secret.begin(), secret.end(), options.secret.begin());
  options.join = std::chrono::milliseconds(small(from, "joinMs", 1, 3'600'000));
  options.silence = std::chrono::milliseconds(small(from, "silenceMs", 50, 3'600'000));
  return options;
}

SideChannelOptions side_channel_options(const Napi::Value& value) {
  const Napi::Object from = object(value, "options");
  SideChannelOptions options{};
  options.size = small(from, "size", 2, 64);
  options.rank = small(from, "rank", 0, options.size - 1);
  options.up = path(from.Get("up"));
  options.down = path(from.Get("down"));
  options.open = std::chrono::milliseconds(small(from, "openMs", 1, 3'600'000));
  options.round = std::chrono::milliseconds(small(from, "roundMs", 1, 3'600'000));
  return options;
}

LoadRequest load_request(const Napi::Value& value) {
  const Napi::Object from = object(value, "options");
  const Napi::Object limits = object(from.Get("limits"), "limits");
  LoadRequest request{
      path(from.Get("path")), {small(from, "firstLayer", 0, 1 << 20), small(from, "lastLayer", 1, 1 << 20)}, {}};
  if (request.shard.first_layer >= request.shard.last_layer) refuse("lastLayer must be above firstLayer");
  read_slice(from.Get("tensor"), request.shard);
  request.limits = {small(limits, "maxTasks", 1, 64), small(limits, "maxQueued", 0, 10000),
                    small(limits, "contextTokens", 1, 1 << 24), small(limits, "prefillChunk", 1, 4096),
                    integer(limits, "kvBytes", 1, kMaxSafeInteger)};
  return request;
}

GenerateRequest generate_request(const Napi::Value& value) {
  const Napi::Object from = object(value, "options");
  return {tokens(from, "prompt"), small(from, "maxTokens", 1, std::numeric_limits<std::int32_t>::max()),
          tokens(from, "endTokens"), sampling(from.Get("sampling")), small(from, "topLogprobs", -1, 20)};
}

EvaluateInput evaluate_input(const Napi::Value& value) {
  const char* what = "evaluate takes an Int32Array or a Float32Array";
  if (value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_float32_array) {
    return elements<Napi::Float32Array, float>(value, napi_float32_array, what);
  }
  return elements<Napi::Int32Array, std::int32_t>(value, napi_int32_array, what);
}

TaskId task_id(const Napi::Value& value) {
  if (!value.IsNumber()) refuse("task is not a number");
  return value.As<Napi::Number>().Int64Value();
}

Napi::Value nothing(Napi::Env env, const std::monostate&) { return env.Undefined(); }

Napi::Value header(Napi::Env env, const gguf::File& file) {
  auto metadata = Napi::Object::New(env);
  for (const auto& [key, value] : file.metadata()) {
    const Napi::HandleScope scope(env);
    define(env, metadata, key, std::visit(ToJs{env}, value.data));
  }
  const auto tensors = Napi::Array::New(env, file.tensors().size());
  for (std::size_t i = 0; i < file.tensors().size(); i++) {
    const Napi::HandleScope scope(env);
    const gguf::Tensor& tensor = file.tensors()[i];
    auto each = Napi::Object::New(env);
    each.Set("name", Napi::String::New(env, tensor.name.data(), tensor.name.size()));
    each.Set("type", gguf::type_name(tensor.type));
    const auto shape = Napi::Array::New(env, tensor.shape.size());
    for (std::size_t d = 0; d < tensor.shape.size(); d++)
      shape.Set(static_cast<std::uint32_t>(d), static_cast<double>(tensor.shape[d]));
    each.Set("shape", shape);
    each.Set("bytes", static_cast<double>(tensor.bytes));
    tensors.Set(static_cast<std::uint32_t>(i), each);
  }
  auto result = Napi::Object::New(env);
  result.Set("version", file.version());
  result.Set("metadata", metadata);
  result.Set("tensors", tensors);
  return result;
}

Napi::Value loaded_model(Napi::Env env, const LoadedModel& model) {
  auto result = Napi::Object::New(env);
  result.Set("architecture", model.architecture);
  result.Set("layers", model.layers);
  result.Set("hiddenSize", model.hidden_size);
  result.Set("vocabularySize", model.vocabulary_size);
  result.Set("contextTokens", model.context_tokens);
  result.Set("weightBytes", static_cast<double>(model.weight_bytes));
  result.Set("kvBytesPerToken", static_cast<double>(model.kv_bytes_per_token));
  return result;
}

Napi::Value step_outputs(Napi::Env env, const std::vector<StepOutput>& outputs) {
  const auto result = Napi::Array::New(env, outputs.size());
  for (std::size_t i = 0; i < outputs.size(); i++)
    result.Set(static_cast<std::uint32_t>(i), step_output(env, outputs[i]));
  return result;
}

Napi::Value heartbeat(Napi::Env env, const Gauges& gauges) {
  auto result = Napi::Object::New(env);
  result.Set("beats", static_cast<double>(gauges.beats.load()));
  result.Set("phase", name_of(gauges.phase.load()));
  result.Set("activeTasks", gauges.active_tasks.load());
  result.Set("queuedTasks", gauges.queued_tasks.load());
  result.Set("weightBytes", static_cast<double>(gauges.weight_bytes.load()));
  result.Set("kvBytes", static_cast<double>(gauges.kv_bytes.load()));
  result.Set("prefixBytes", static_cast<double>(gauges.prefix_bytes.load()));
  result.Set("activeBytes", static_cast<double>(gauges.allocator_active_bytes.load()));
  result.Set("peakBytes", static_cast<double>(gauges.allocator_peak_bytes.load()));
  result.Set("cacheBytes", static_cast<double>(gauges.allocator_cache_bytes.load()));
  return result;
}

Napi::Value floats(Napi::Env env, const std::vector<float>& values) {
  auto result = Napi::Float32Array::New(env, values.size());
  std::memcpy(result.Data(), values.data(), values.size() * sizeof(float));
  return result;
}

}  // namespace skein::js
