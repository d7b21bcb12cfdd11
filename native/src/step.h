#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "engine_types.h"
#include "kv_memory.h"
#include "llama.h"
#include "task.h"

namespace skein {

/** Where rows come from and go to, when other ranks hold the layers before and behind a shard's. */
struct Border {
  /** Hidden states [rows × hidden] of the layers before; used by a shard without the embedding. */
  std::function<mlx::core::array(int rows)> receive;
  /** Takes the evaluated rows of a shard without the head; none: nobody wants them. */
  std::function<void(const mlx::core::array&)> send;
};

/**
 * Computes one step through a shard and returns evaluated fp32 logits, one row for each entry that samples, in
 * order; empty when none does or the shard has no head. As each layer is evaluated `after_layer` runs: tasks that it
 * marks as ended leave `step` there and then, their rows are dropped, and the others go on
 * undisturbed. With a border it must mark none: all ranks compute the same rows.
 */
std::optional<mlx::core::array> run_step(const Llama& llama, KvMemory& memory, Step& step, const std::function<void()>& after_layer,
                                         const Border& border = {});

/**
 * Runs an input of its own through the shard in chunks, on a cache of its own: fp32 logits of the last position where the
 * shard has the head, else all hidden states. `after_layer` may throw to stop it.
 * Throws `BadArgument` when the input's kind or size does not fit the shard, `PromptTooLong` beyond `context_tokens`.
 */
std::vector<float> evaluate_input(const Llama& llama, const EvaluateInput& input, int chunk, int context_tokens,
                                  const std::function<void()>& after_layer);

}  // namespace skein
