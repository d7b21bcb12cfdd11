#pragma once

#include <napi.h>

namespace skein {

/** `openSideChannel` of addon.d.ts. */
Napi::Value open_side_channel(const Napi::CallbackInfo& info);

}  // namespace skein
