#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "group/group.h"
#include "llama.h"
#include "row_result.h"
#include "shard.h"
#include "step.h"
#include "step_message.h"

namespace skein {

/** What ranks must know of one another before the first step. */
struct RankShape {
  LlamaConfig config;
  Shard shard;
  int prefill_chunk;
  int context_tokens;
  std::int64_t kv_blocks;
};

/**
 * Tells all ranks each other's shapes and returns what fits all: the smallest context and KV memory. Throws `BadArgument`,
 * on every rank alike, when they are not one whole model; `GroupLost`.
 */
RankShape agree(Group& group, const RankShape& mine);

/** Rank 0's side of the steps: it plans, tells the others, and gets the tokens. Engine thread only. */
class Leader {
 public:
  /** Both must outlive it. */
  Leader(std::shared_ptr<Group> group, const Llama& llama, bool sliced);

  /** Computes one step on all ranks; may change the order of `step`. Throws `GroupLost`, or what this rank threw. */
  std::vector<RowResult> step(Step& step, KvMemory& memory, const std::function<void()>& after_layer);
  /** What was applied here; the others apply it with the next message. */
  void note(std::vector<KvChange> changes);
  /** Lets the other ranks free what ended since the last step; nothing is sent when nothing did. */
  void announce_ended();

 private:
  StepMessage message_for(const Step& step);

  const std::shared_ptr<Group> group_;
  const Llama& llama_;
  const bool sliced_;
  /** Tasks that the others know. */
  std::map<TaskId, std::shared_ptr<Task>> announced_;
  std::vector<KvChange> changes_;
};

/** The other ranks' side: they do as they are told. Engine thread only. */
class Follower {
 public:
  /** All must outlive it. */
  Follower(std::shared_ptr<Group> group, const Llama& llama, KvMemory& memory, bool sliced, int context_tokens);

  /** Computes the next step if it comes within this time; whether it came. Throws as `Leader::step`. */
  bool step(std::chrono::milliseconds time, const std::function<void()>& began, const std::function<void()>& after_layer);
  int tasks() const { return static_cast<int>(tasks_.size()); }

 private:
  Step apply(StepMessage&& message);

  const std::shared_ptr<Group> group_;
  const Llama& llama_;
  KvMemory& memory_;
  const bool sliced_;
  const int context_tokens_;
  std::map<TaskId, std::shared_ptr<Task>> tasks_;
};

}  // namespace skein
