#include "step.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "fused.h"
#include "mlx/ops.h"
#include "mlx/stream.h"
#include "mlx/transforms.h"

namespace skein {
namespace mx = mlx::core;
namespace {

/**
 * Single rows that share one read of the weights. On the CPU more would take the kernels' other path, which rounds
 * differently (`kernel/cpu_linear.cpp`); on a GPU the choice of kernels is MLX's, and reading once is worth most.
 */
std::size_t shared_rows() { return fused::has_attention() ? 8 : std::numeric_limits<std::size_t>::max(); }

/**
 * Rows that go through the linear layers together. A task's numbers depend on how many rows stand beside its own, so
 * pieces of prompts go alone and single rows in sets small enough for the kernel that treats each row by itself: on
 * the CPU what else runs changes nothing, not even the last bit.
 */
struct Batch {
  Step rows;
  Segments segments;
  mx::array hidden;
};

mx::array rows_between(const mx::array& all, int begin, int end) {
  return mx::slice(all, {begin, 0}, {end, all.shape(1)});
}

Segments segments_of(const Llama& llama, KvMemory& memory, const Step& rows) {
  std::vector<Segment> segments;
  for (const auto& [entry, task] : rows)
    segments.push_back({entry.position, static_cast<int>(entry.tokens.size()), &memory.cache(entry.task)});
  return llama.segments(std::move(segments));
}

/** `received` holds the rows of the layers before, from the batch's first on; none: the tokens are embedded. */
Batch make_batch(const Llama& llama, KvMemory& memory, std::span<StepRow> rows,
                 const std::optional<mx::array>& received, int begin) {
  Step own(rows.begin(), rows.end());
  std::vector<std::int32_t> tokens;
  for (const auto& [entry, task] : own) tokens.insert(tokens.end(), entry.tokens.begin(), entry.tokens.end());
  auto segments = segments_of(llama, memory, own);
  const int end = begin + static_cast<int>(tokens.size());
  return {std::move(own), std::move(segments), received ? rows_between(*received, begin, end) : llama.embed(tokens)};
}

/** Orders the step as its batches are: single rows first. */
std::vector<Batch> make_batches(const Llama& llama, KvMemory& memory, Step& step, const Border& border) {
  const auto is_single = [](const StepRow& row) { return row.entry.tokens.size() == 1; };
  const auto pieces = std::stable_partition(step.begin(), step.end(), is_single);
  const auto singles = static_cast<std::size_t>(pieces - step.begin());
  int rows = 0;
  for (const auto& row : step) rows += static_cast<int>(row.entry.tokens.size());
  std::optional<mx::array> received;
  if (!llama.has_embedding()) received = border.receive(rows);

  std::vector<Batch> batches;
  int first_row = 0;
  for (std::size_t begin = 0; begin < step.size();) {
    const std::size_t count = begin < singles ? std::min(shared_rows(), singles - begin) : 1;
    batches.push_back(make_batch(llama, memory, std::span(step).subspan(begin, count), received, first_row));
    first_row += batches.back().hidden.shape(0);
    begin += count;
  }
  return batches;
}

void hand_over(const std::vector<Batch>& batches, const Border& border) {
  std::vector<mx::array> all;
  for (const auto& batch : batches) all.push_back(batch.hidden);
  if (!border.send) return mx::eval(std::move(all));
  mx::array rows = all.size() == 1 ? mx::contiguous(all.front()) : mx::concatenate(std::move(all), 0);
  mx::eval(rows);
  border.send(rows);
}

bool has_ended(const StepRow& row) { return row.task->ended; }

/** Takes ended tasks out of the step and their rows out of the batches. */
void drop_ended(const Llama& llama, KvMemory& memory, Step& step, std::vector<Batch>& batches) {
  std::erase_if(step, has_ended);
  for (auto& batch : batches) {
    if (std::none_of(batch.rows.begin(), batch.rows.end(), has_ended)) continue;
    std::vector<mx::array> kept;
    int begin = 0;
    for (const auto& row : batch.rows) {
      const int end = begin + static_cast<int>(row.entry.tokens.size());
      if (!has_ended(row)) kept.push_back(rows_between(batch.hidden, begin, end));
      begin = end;
    }
    std::erase_if(batch.rows, has_ended);
    if (kept.empty()) continue;
    batch.hidden = mx::concatenate(std::move(kept), 0);
    batch.segments = segments_of(llama, memory, batch.rows);
  }
  std::erase_if(batches, [](const Batch& batch) { return batch.rows.empty(); });
}

std::optional<mx::array> sampled_logits(const Llama& llama, const std::vector<Batch>& batches) {
  std::vector<mx::array> last_rows;
  for (const auto& batch : batches) {
    int end = 0;
    for (const auto& [entry, task] : batch.rows) {
      end += static_cast<int>(entry.tokens.size());
      if (entry.samples) last_rows.push_back(rows_between(batch.hidden, end - 1, end));
    }
  }
  std::vector<mx::array> parts;
  for (std::size_t begin = 0; begin < last_rows.size();) {
    const auto end = begin + std::min(shared_rows(), last_rows.size() - begin);
    parts.push_back(llama.logits(mx::concatenate({last_rows.begin() + begin, last_rows.begin() + end}, 0)));
    begin = end;
  }
  if (parts.empty()) return std::nullopt;
  mx::array logits = parts.size() == 1 ? parts.front() : mx::concatenate(std::move(parts), 0);
  mx::eval(logits);
  return logits;
}

void append(std::vector<float>& out, const mx::array& evaluated) {
  const auto* data = evaluated.data<float>();
  out.insert(out.end(), data, data + evaluated.size());
}

int input_rows(const Llama& llama, const EvaluateInput& input) {
  const int hidden = llama.config().hidden;
  if (llama.has_embedding()) {
    const auto* tokens = std::get_if<std::vector<std::int32_t>>(&input);
    if (tokens == nullptr)
      throw EngineError(ErrorCode::BadArgument, "this shard has layer 0: evaluate takes token ids (Int32Array)");
    for (const auto token : *tokens) {
      if (token < 0 || token >= llama.config().vocabulary) {
        throw EngineError(ErrorCode::BadArgument, "token " + std::to_string(token) + " is outside the vocabulary of " +
                                                      std::to_string(llama.config().vocabulary));
      }
    }
    return static_cast<int>(tokens->size());
  }
  const auto* states = std::get_if<std::vector<float>>(&input);
  if (states == nullptr || states->size() % hidden != 0) {
    throw EngineError(ErrorCode::BadArgument,
                      "this shard starts behind layer 0: evaluate takes hidden states (Float32Array), rows of " +
                          std::to_string(hidden));
  }
  return static_cast<int>(states->size() / hidden);
}

}  // namespace

std::optional<mx::array> run_step(const Llama& llama, KvMemory& memory, Step& step,
                                  const std::function<void()>& after_layer, const Border& border) {
  std::vector<Batch> batches = make_batches(llama, memory, step, border);
  for (int index = 0; index < llama.layers(); index++) {
    std::vector<mx::array> before, after;
    for (auto& batch : batches) {
      before.push_back(batch.hidden);
      batch.hidden = llama.layer(index, batch.hidden, batch.segments);
      after.push_back(batch.hidden);
    }
    // The next layer is under way while we wait for the one before: the device never waits for us.
    mx::async_eval(std::move(after));
    mx::eval(std::move(before));
    after_layer();
    if (std::any_of(step.begin(), step.end(), has_ended)) {
      drop_ended(llama, memory, step, batches);
      if (step.empty()) {
        mx::synchronize();
        return std::nullopt;
      }
    }
  }
  if (llama.has_head()) return sampled_logits(llama, batches);
  hand_over(batches, border);
  return std::nullopt;
}

std::vector<float> evaluate_input(const Llama& llama, const EvaluateInput& input, int chunk, int context_tokens,
                                  const std::function<void()>& after_layer) {
  const int rows = input_rows(llama, input);
  if (rows < 1) throw EngineError(ErrorCode::BadArgument, "evaluate needs at least one row");
  if (rows > context_tokens) {
    throw EngineError(ErrorCode::PromptTooLong,
                      std::to_string(rows) + " rows are more than the context of " + std::to_string(context_tokens));
  }
  const int width = llama.config().hidden;
  KvCache cache = llama.make_cache();
  std::vector<float> result;
  for (int begin = 0; begin < rows; begin += chunk) {
    const int count = std::min(chunk, rows - begin);
    mx::array hidden = llama.has_embedding()
                           ? llama.embed(std::span(std::get<0>(input)).subspan(begin, count))
                           : mx::array(std::get<1>(input).data() + static_cast<std::size_t>(begin) * width,
                                       {count, width}, mx::float32);
    const Segments segments = llama.segments({{begin, count, &cache}});
    for (int index = 0; index < llama.layers(); index++) {
      hidden = llama.layer(index, hidden, segments);
      mx::eval(hidden);
      after_layer();
    }
    if (!llama.has_head()) append(result, hidden);
    if (llama.has_head() && begin + count == rows) {
      mx::array logits = llama.logits(rows_between(hidden, count - 1, count));
      mx::eval(logits);
      append(result, logits);
    }
  }
  return result;
}

}  // namespace skein
