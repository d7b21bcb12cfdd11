#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "error.h"
#include "group/handshake.h"
#include "sampler.h"
#include "shard.h"
#include "side_channel.h"
#include "step_plan.h"

namespace skein {

/** A value, or the expected failure instead. */
template <typename T>
using Outcome = std::variant<T, EngineError>;

/** Meanings and ranges as `EngineLimits` of addon.d.ts. */
struct EngineLimits {
  int max_tasks;
  int max_queued;
  int context_tokens;
  int prefill_chunk;
  std::int64_t kv_bytes;
};

struct LoadRequest {
  std::string path;
  Shard shard;
  EngineLimits limits;
};

struct LoadedModel {
  std::string architecture;
  int layers;
  int hidden_size;
  int vocabulary_size;
  int context_tokens;
  std::int64_t weight_bytes;
  std::int64_t kv_bytes_per_token;
};

struct GenerateRequest {
  std::vector<std::int32_t> prompt;
  int max_tokens;
  std::vector<std::int32_t> end_tokens;
  SamplingOptions sampling;
  int top_logprobs;
};

/** How a rank joins: over TCP, or over RDMA by way of a side channel. */
using GroupOptions = std::variant<TcpOptions, SideChannelOptions>;

enum class Finish { Stop, Length, Cancelled, Failed };

/** One task's outcome of one step. */
struct StepOutput {
  TaskId task;
  std::optional<Sampled> sampled{};
  /** Whether `sampled` carries log probabilities. */
  bool logprobs = false;
  std::optional<int> prefilled{};
  std::optional<int> cached{};
  std::optional<Finish> finish{};
  std::string error{};
};

/** Input of `evaluate`: tokens for a shard with layer 0, else rows of hidden states. */
using EvaluateInput = std::variant<std::vector<std::int32_t>, std::vector<float>>;

enum class Phase { Idle, Loading, Stepping, Closing, Closed, Failed };

/** Written by the engine (mostly its thread), read by anyone at any time without a lock. */
struct Gauges {
  std::atomic<std::uint64_t> beats{0};
  std::atomic<Phase> phase{Phase::Idle};
  std::atomic<int> active_tasks{0};
  std::atomic<int> queued_tasks{0};
  std::atomic<std::int64_t> weight_bytes{0};
  std::atomic<std::int64_t> kv_bytes{0};
  std::atomic<std::int64_t> prefix_bytes{0};
  std::atomic<std::int64_t> allocator_active_bytes{0};
  std::atomic<std::int64_t> allocator_peak_bytes{0};
  std::atomic<std::int64_t> allocator_cache_bytes{0};
};

}  // namespace skein
