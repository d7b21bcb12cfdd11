#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gguf.h"
#include "kv_memory.h"
#include "llama_config.h"
#include "mlx/array.h"
#include "shard.h"
#include "weights.h"

namespace skein {

/** One task's consecutive rows among the rows of a step. */
struct Segment {
  /** Position of the first row in the task's context. */
  int position;
  int rows;
  KvCache* cache;
};

/** The rows of a step in order, by task. */
struct Segments {
  std::vector<Segment> each;
  /** Rotations of all rows, where attention is our own. */
  std::optional<mlx::core::array> angles;
};

/**
 * A shard of a llama-architecture decoder: layers [first, last), or a slice of heads and of the feed-forward network. Rows
 * of several tasks go through norms and linear layers together, so that weights are read once for all; attention runs for
 * each segment on its own cache.
 *
 * GGUF stores llama's Q and K rows permuted for interleaved rope. They stay as they are and rope runs in MLX's
 * `traditional` form: scores are the same, because Q and K are permuted alike, and blocks need no rewriting.
 */
class Llama {
 public:
  /**
   * Loads and evaluates the weights; calls `progressed` after each piece of a tensor and `layer_done(done, total)` after
   * each layer, and may be left by a throw of either. Throws `BadArgument` when the slices do not divide.
   */
  Llama(const gguf::File& file, const LlamaConfig& config, const Shard& shard,
        std::function<void()> progressed, const std::function<void(int, int)>& layer_done);

  /** Adds up what the ranks of a sliced model computed, after attention and after the feed-forward network. */
  using Sum = std::function<mlx::core::array(const mlx::core::array&)>;
  void set_sum(Sum sum) { sum_ = std::move(sum); }

  /** Of this shard: its own heads. */
  const LlamaConfig& config() const { return config_; }
  int layers() const { return static_cast<int>(layers_.size()); }
  bool has_embedding() const { return embedding_.has_value() && shard_.first_layer == 0; }
  bool has_head() const { return output_norm_.has_value(); }
  std::size_t weight_bytes() const { return weight_bytes_; }
  KvCache make_cache() const { return {layers(), config_.kv_heads, config_.head_size}; }
  KvMemory make_memory() const { return {layers(), config_.kv_heads, config_.head_size}; }

  /** Makes tasks' rows ready for `layer`. */
  Segments segments(std::vector<Segment> each) const;

  /** Embedded tokens [tokens × hidden]. Needs `has_embedding()` and tokens below the vocabulary size. */
  mlx::core::array embed(std::span<const std::int32_t> tokens) const;

  /** Hidden states [rows × hidden] after a layer of this shard, counted from 0. The segments cover all rows in order. */
  mlx::core::array layer(int index, const mlx::core::array& hidden, const Segments& segments) const;

  /** fp32 logits [rows × vocabulary]. Needs `has_head()`. */
  mlx::core::array logits(const mlx::core::array& hidden) const;

 private:
  struct Layer {
    mlx::core::array attention_norm;
    Matrix query, key, value, output;
    mlx::core::array feed_forward_norm;
    Matrix gate, up, down;
  };

  mlx::core::array summed(const mlx::core::array& own) const { return sum_ ? sum_(own) : own; }
  mlx::core::array attention(int index, const mlx::core::array& hidden, const Segments& segments) const;
  mlx::core::array attend(int index, const mlx::core::array& query, const mlx::core::array& key,
                          const mlx::core::array& value, const Segment& segment) const;
  mlx::core::array rope(const mlx::core::array& heads, int position) const;

  const LlamaConfig config_;
  const Shard shard_;
  const bool own_attention_;
  std::vector<Layer> layers_;
  std::optional<Matrix> embedding_;
  std::optional<mlx::core::array> output_norm_;
  /** Absent when the embedding is tied. */
  std::optional<Matrix> output_;
  /** Of rope, for each pair of values of a head: the whole head for our own attention, what turns for MLX's. */
  std::vector<float> wavelengths_;
  std::optional<mlx::core::array> rope_wavelengths_;
  std::size_t weight_bytes_ = 0;
  Sum sum_;
};

}  // namespace skein
