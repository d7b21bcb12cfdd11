#include "ranks.h"

#include <iterator>
#include <utility>

#include "error.h"
#include "mlx/stream.h"

namespace skein {
namespace mx = mlx::core;
namespace {

std::span<const std::byte> bytes_of(const mx::array& evaluated) {
  return std::as_bytes(std::span(evaluated.data<float>(), evaluated.size()));
}

/** What a rank of a pipeline does with its rows: takes them from the rank before, gives them to the one behind. */
Border border_of(const std::shared_ptr<Group>& group, const Llama& llama, bool sliced) {
  if (sliced) return {};
  const auto receive = [group, width = llama.config().hidden](int rows) {
    const Bytes bytes = group->receive(group->rank() - 1);
    if (bytes.size() != sizeof(float) * rows * width)
      throw EngineError(ErrorCode::GroupLost, "the rank before sent " + std::to_string(bytes.size()) + " bytes for " +
                                                  std::to_string(rows) + " rows");
    return mx::array(reinterpret_cast<const float*>(bytes.data()), {rows, width}, mx::float32);
  };
  const auto send = [group](const mx::array& rows) { group->send(group->rank() + 1, bytes_of(rows)); };
  return {receive, send};
}

std::vector<RowResult> sample(const Step& step, std::optional<mx::array>& logits) {
  if (!logits) return {};
  return sample_rows(step, std::span(logits->data<float>(), logits->size()));
}

}  // namespace

Leader::Leader(std::shared_ptr<Group> group, const Llama& llama, bool sliced)
    : group_(std::move(group)), llama_(llama), sliced_(sliced) {}

void Leader::note(std::vector<KvChange> changes) {
  changes_.insert(changes_.end(), std::make_move_iterator(changes.begin()), std::make_move_iterator(changes.end()));
}

StepMessage Leader::message_for(const Step& step) {
  StepMessage message;
  message.changes = std::exchange(changes_, {});
  for (auto next = announced_.begin(); next != announced_.end();) {
    const auto each = next++;
    if (!each->second->ended) continue;
    message.ended.push_back(each->first);
    announced_.erase(each);
  }
  for (const auto& [entry, task] : step) {
    if (announced_.emplace(task->id, task).second)
      message.admitted.push_back({task->id, task->top_logprobs, task->sampling, task->prompt_end});
    message.entries.push_back(entry);
  }
  return message;
}

std::vector<RowResult> Leader::step(Step& step, KvMemory& memory, const std::function<void()>& after_layer) {
  group_->send(1, encode(message_for(step)));
  auto logits = run_step(llama_, memory, step, after_layer, border_of(group_, llama_, sliced_));
  // Rows that nobody samples may still be added up; the next message must not come between.
  if (sliced_) mx::synchronize();
  group_->check();
  if (sliced_) return sample(step, logits);
  return decode_row_results(group_->receive(group_->size() - 1));
}

void Leader::announce_ended() {
  const StepMessage message = message_for({});
  if (!message.ended.empty() || !message.changes.empty()) group_->send(1, encode(message));
}

Follower::Follower(std::shared_ptr<Group> group, const Llama& llama, KvMemory& memory, bool sliced, int context_tokens)
    : group_(std::move(group)),
      llama_(llama),
      memory_(memory),
      sliced_(sliced),
      context_tokens_(context_tokens) {}

bool Follower::step(std::chrono::milliseconds time, const std::function<void()>& began,
                    const std::function<void()>& after_layer) {
  const int before = group_->rank() - 1;
  if (!group_->await(before, time)) return false;
  began();
  const Bytes bytes = group_->receive(before);
  const bool last = group_->rank() == group_->size() - 1;
  if (!last) group_->send(group_->rank() + 1, bytes);
  Step step = apply(decode_step_message(bytes));
  if (step.empty()) return true;
  auto logits = run_step(llama_, memory_, step, after_layer, border_of(group_, llama_, sliced_));
  group_->check();
  if (last && !sliced_) group_->send(0, encode(sample(step, logits)));
  return true;
}

Step Follower::apply(StepMessage&& message) {
  for (const KvChange& change : message.changes) memory_.apply(change);
  for (const TaskId task : message.ended) tasks_.erase(task);
  for (AdmittedTask& each : message.admitted) {
    const GenerateRequest request{std::move(each.prompt_end), 1, {}, each.sampling, each.top_logprobs};
    tasks_.insert_or_assign(each.task, std::make_shared<Task>(each.task, request));
  }
  Step step;
  for (StepEntry& entry : message.entries) {
    const auto found = tasks_.find(entry.task);
    if (found == tasks_.end() || entry.position > context_tokens_ - std::ssize(entry.tokens))
      throw EngineError(ErrorCode::GroupLost, "rank 0 planned what this rank does not know");
    step.push_back({std::move(entry), found->second});
  }
  return step;
}

}  // namespace skein
