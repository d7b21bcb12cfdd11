#pragma once

#include <stdexcept>
#include <string>

namespace skein {

/** Stable words that reach JavaScript as `error.code`; the list in `addon.d.ts` is the same. */
enum class ErrorCode {
  NotLoaded,
  AlreadyLoaded,
  BadModel,
  UnsupportedTensorType,
  UnsupportedArchitecture,
  OutOfMemory,
  QueueFull,
  PromptTooLong,
  BadArgument,
  Closed,
  GroupLost,
};

inline const char* name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::NotLoaded: return "NotLoaded";
    case ErrorCode::AlreadyLoaded: return "AlreadyLoaded";
    case ErrorCode::BadModel: return "BadModel";
    case ErrorCode::UnsupportedTensorType: return "UnsupportedTensorType";
    case ErrorCode::UnsupportedArchitecture: return "UnsupportedArchitecture";
    case ErrorCode::OutOfMemory: return "OutOfMemory";
    case ErrorCode::QueueFull: return "QueueFull";
    case ErrorCode::PromptTooLong: return "PromptTooLong";
    case ErrorCode::BadArgument: return "BadArgument";
    case ErrorCode::Closed: return "Closed";
    case ErrorCode::GroupLost: return "GroupLost";
  }
  return "BadArgument";
}

/** An expected failure of the engine, in words for people. */
class EngineError : public std::runtime_error {
 public:
  EngineError(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace skein
