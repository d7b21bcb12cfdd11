#include "side_channel_object.h"

#include <memory>
#include <optional>

#include "js_values.h"
#include "side_channel.h"

namespace skein {
namespace {

Napi::Value gather(const Napi::CallbackInfo& info, std::optional<SideChannel>& channel) {
  const Napi::Env env = info.Env();
  if (!channel) throw EngineError(ErrorCode::Closed, "the side channel is closed");
  if (!info[0].IsTypedArray()) throw EngineError(ErrorCode::BadArgument, "what is gathered is no Uint8Array");
  const auto mine = info[0].As<Napi::Uint8Array>();
  const std::size_t bytes = mine.ByteLength();
  const std::size_t room = bytes <= SideChannel::kMaxPart ? bytes * static_cast<std::size_t>(channel->size()) : 0;
  auto all = Napi::Uint8Array::New(env, room);
  channel->all_gather(std::as_bytes(std::span(mine.Data(), bytes)), std::as_writable_bytes(std::span(all.Data(), room)));
  return all;
}

}  // namespace

Napi::Value open_side_channel(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return js::guarded(env, [&]() -> Napi::Value {
    auto options = js::side_channel_options(info[0]);
    auto channel = std::make_shared<std::optional<SideChannel>>(std::in_place, std::move(options), [] {});
    const Napi::Object result = Napi::Object::New(env);
    result.Set("allGather", Napi::Function::New(env, [channel](const Napi::CallbackInfo& call) {
                 return js::guarded(call.Env(), [&] { return gather(call, *channel); });
               }));
    result.Set("close", Napi::Function::New(env, [channel](const Napi::CallbackInfo&) { channel->reset(); }));
    return result;
  });
}

}  // namespace skein
