#pragma once

#include <napi.h>

#include <functional>
#include <memory>

namespace skein {

/**
 * Carries calls from other threads to the JS thread, in order. It keeps the event loop alive only while somebody holds
 * it. A thread that is far ahead of JS waits, so that the queue is bounded; nobody waits once it is closed.
 */
class JsChannel {
 public:
  using Message = std::function<void(Napi::Env)>;

  /** JS thread, as everything below but `post`. */
  explicit JsChannel(Napi::Env env);
  ~JsChannel();
  JsChannel(const JsChannel&) = delete;
  JsChannel& operator=(const JsChannel&) = delete;

  /** Any thread. What a message throws becomes an uncaught exception in JS. After `close`: no effect. */
  void post(Message message);

  /** Counted reasons to keep the event loop alive. */
  void hold(Napi::Env env);
  void release(Napi::Env env);

  /** Drops what is under way and lets go of JS. May be called twice. */
  void close();

 private:
  struct State;
  std::shared_ptr<State> state_;
  int holders_ = 0;
};

}  // namespace skein
