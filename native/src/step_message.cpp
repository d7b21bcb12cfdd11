#include "step_message.h"

#include "bytes.h"

namespace skein {
namespace {

void put(ByteWriter& out, const SamplingOptions& sampling) {
  out.put(sampling.temperature);
  out.put(sampling.top_p);
  out.put(std::int32_t{sampling.top_k});
  out.put(sampling.min_p);
  out.put(sampling.repetition_penalty);
  out.put(sampling.presence_penalty);
  out.put(sampling.frequency_penalty);
  out.put(std::int32_t{sampling.penalty_window});
  out.put(sampling.seed);
}

SamplingOptions get_sampling(ByteReader& in) {
  SamplingOptions sampling{};
  sampling.temperature = in.get<float>();
  sampling.top_p = in.get<float>();
  sampling.top_k = in.get<std::int32_t>();
  sampling.min_p = in.get<float>();
  sampling.repetition_penalty = in.get<float>();
  sampling.presence_penalty = in.get<float>();
  sampling.frequency_penalty = in.get<float>();
  sampling.penalty_window = in.get<std::int32_t>();
  sampling.seed = in.get<std::uint64_t>();
  return sampling;
}

/** The three kinds of change share one form: what a kind does not have is 0 or empty. */
struct FlatChange {
  std::uint8_t kind;
  TaskId task = 0;
  std::int32_t first = 0;
  std::int32_t second = 0;
  std::vector<BlockId> blocks{};
};

FlatChange flat(const KvChange& change) {
  const auto kind = static_cast<std::uint8_t>(change.index());
  if (const auto* released = std::get_if<ReleaseCache>(&change))
    return {kind, released->task, released->first, 0, released->blocks};
  if (const auto* reused = std::get_if<ReuseBlocks>(&change))
    return {kind, reused->task, reused->moved, reused->tokens, reused->blocks};
  return {kind, 0, 0, 0, std::get<DropBlocks>(change).blocks};
}

KvChange unflat(FlatChange&& change) {
  if (change.first < 0 || change.second < 0) throw std::runtime_error("a rank sent a negative number of blocks");
  switch (change.kind) {
    case 0: return ReleaseCache{change.task, change.first, std::move(change.blocks)};
    case 1:
      if (static_cast<std::size_t>(change.first) > change.blocks.size()) break;
      return ReuseBlocks{change.task, std::move(change.blocks), change.first, change.second};
    case 2: return DropBlocks{std::move(change.blocks)};
  }
  throw std::runtime_error("a rank sent an unknown change of memory");
}

}  // namespace

std::vector<std::byte> encode(const StepMessage& message) {
  ByteWriter out;
  out.put(static_cast<std::uint32_t>(message.changes.size()));
  for (const KvChange& each : message.changes) {
    const FlatChange change = flat(each);
    out.put(change.kind);
    out.put(change.task);
    out.put(change.first);
    out.put(change.second);
    out.put_list(std::span<const BlockId>(change.blocks));
  }
  out.put_list(std::span<const TaskId>(message.ended));
  out.put(static_cast<std::uint32_t>(message.admitted.size()));
  for (const AdmittedTask& each : message.admitted) {
    out.put(each.task);
    out.put(std::int32_t{each.top_logprobs});
    put(out, each.sampling);
    out.put_list(std::span<const std::int32_t>(each.prompt_end));
  }
  out.put(static_cast<std::uint32_t>(message.entries.size()));
  for (const StepEntry& each : message.entries) {
    out.put(each.task);
    out.put(std::int32_t{each.position});
    out.put(static_cast<std::uint8_t>(each.samples));
    out.put_list(std::span<const std::int32_t>(each.tokens));
  }
  return out.take();
}

StepMessage decode_step_message(std::span<const std::byte> bytes) {
  ByteReader in(bytes);
  StepMessage message;
  for (auto left = in.count(21); left > 0; left--) {
    FlatChange change{in.get<std::uint8_t>()};
    change.task = in.get<TaskId>();
    change.first = in.get<std::int32_t>();
    change.second = in.get<std::int32_t>();
    change.blocks = in.list<BlockId>();
    message.changes.push_back(unflat(std::move(change)));
  }
  message.ended = in.list<TaskId>();
  message.admitted.resize(in.count(16));
  for (AdmittedTask& each : message.admitted) {
    each.task = in.get<TaskId>();
    each.top_logprobs = in.get<std::int32_t>();
    each.sampling = get_sampling(in);
    each.prompt_end = in.list<std::int32_t>();
  }
  message.entries.resize(in.count(17));
  for (StepEntry& each : message.entries) {
    each.task = in.get<TaskId>();
    each.position = in.get<std::int32_t>();
    each.samples = in.get<std::uint8_t>() != 0;
    each.tokens = in.list<std::int32_t>();
    if (each.position < 0 || each.tokens.empty()) throw std::runtime_error("a rank sent an empty entry");
  }
  in.end();
  return message;
}

}  // namespace skein
