#include "step.h"

#include <algorithm>
#include <string>

#include "mlx/ops.h"
#include "mlx/stream.h"
#include "mlx/transforms.h"

namespace skein {
namespace mx = mlx::core;
namespace {

int rows_of(const StepRow& row) { return static_cast<int>(row.entry.tokens.size()); }

mx::array rows_between(const mx::array& all, int begin, int end) {
  return mx::slice(all, {begin, 0}, {end, all.shape(1)});
}

std::vector<Segment> segments_of(const Llama& llama, Step& step) {
  std::vector<Segment> segments;
  for (auto& row : step) segments.push_back(llama.segment(row.entry.position, rows_of(row), *row.task->cache));
  return segments;
}

/** Takes ended tasks out of the step and their rows out of `hidden`. */
mx::array drop_ended(Step& step, const mx::array& hidden) {
  std::vector<mx::array> kept;
  int begin = 0;
  for (const auto& row : step) {
    const int end = begin + rows_of(row);
    if (!row.task->ended) kept.push_back(rows_between(hidden, begin, end));
    begin = end;
  }
  std::erase_if(step, [](const StepRow& row) { return row.task->ended; });
  return kept.empty() ? hidden : mx::concatenate(std::move(kept), 0);
}

std::optional<mx::array> sampled_logits(const Llama& llama, const Step& step, const mx::array& hidden) {
  std::vector<mx::array> last_rows;
  int end = 0;
  for (const auto& row : step) {
    end += rows_of(row);
    if (row.entry.samples) last_rows.push_back(rows_between(hidden, end - 1, end));
  }
  if (last_rows.empty()) return std::nullopt;
  mx::array logits = llama.logits(mx::concatenate(std::move(last_rows), 0));
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

std::optional<mx::array> run_step(const Llama& llama, Step& step, const std::function<void()>& after_layer) {
  std::vector<std::int32_t> tokens;
  for (auto& row : step) {
    tokens.insert(tokens.end(), row.entry.tokens.begin(), row.entry.tokens.end());
    if (!row.task->cache) row.task->cache.emplace(llama.make_cache());
  }
  mx::array hidden = llama.embed(tokens);
  std::vector<Segment> segments = segments_of(llama, step);
  for (int index = 0; index < llama.layers(); index++) {
    const mx::array before = hidden;
    hidden = llama.layer(index, hidden, segments);
    // The next layer is under way while we wait for the one before: the device never waits for us.
    mx::async_eval(hidden);
    mx::eval(before);
    after_layer();
    if (std::any_of(step.begin(), step.end(), [](const StepRow& row) { return row.task->ended; })) {
      hidden = drop_ended(step, hidden);
      if (step.empty()) {
        mx::synchronize();
        return std::nullopt;
      }
      segments = segments_of(llama, step);
    }
  }
  return sampled_logits(llama, step, hidden);
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
    const Segment segment = llama.segment(begin, count, cache);
    for (int index = 0; index < llama.layers(); index++) {
      hidden = llama.layer(index, hidden, {&segment, 1});
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
