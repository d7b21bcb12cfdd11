#include "llama.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "error.h"
#include "fused.h"
#include "mlx/fast.h"
#include "mlx/ops.h"

namespace skein {
namespace mx = mlx::core;
namespace {

/** A tensor that this decoder would ignore (a bias, an expert) means another computation: refuse instead. */
void check_tensor_names(const gguf::File& file, const LlamaConfig& config) {
  std::unordered_set<std::string> known{"token_embd.weight", "output_norm.weight", "output.weight",
                                        "rope_freqs.weight"};
  for (int layer = 0; layer < config.layers; layer++) {
    for (const char* name :
         {"attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down"}) {
      known.insert("blk." + std::to_string(layer) + "." + name + ".weight");
    }
  }
  for (const auto& tensor : file.tensors()) {
    if (!known.contains(std::string(tensor.name))) {
      throw EngineError(ErrorCode::UnsupportedArchitecture, file.mapped().path() + ": tensor " +
                                                                std::string(tensor.name) +
                                                                " has no place in the llama decoder of this build");
    }
  }
}

/** By pair of values of a head: base^(2i / rope_size), times llama 3's factors; infinite where rope leaves it alone. */
std::vector<float> read_wavelengths(const gguf::File& file, const LlamaConfig& config, WeightLoader& loader) {
  std::vector<float> wavelengths(config.head_size / 2, std::numeric_limits<float>::infinity());
  const int pairs = config.rope_size / 2;
  for (int i = 0; i < pairs; i++) {
    wavelengths[i] = static_cast<float>(std::pow(static_cast<double>(config.rope_base), 2.0 * i / config.rope_size));
  }
  if (file.find_tensor("rope_freqs.weight") != nullptr) {
    const mx::array factors = loader.vector("rope_freqs.weight", pairs);
    for (int i = 0; i < pairs; i++) wavelengths[i] *= factors.data<float>()[i];
  }
  return wavelengths;
}

/** Our own attention where there is one; `SKEIN_ATTENTION=mlx` is for tests of what GPUs use. */
bool wants_own_attention() {
  const char* wanted = std::getenv("SKEIN_ATTENTION");
  return fused::has_attention() && (wanted == nullptr || std::string_view(wanted) != "mlx");
}

/** The model as one rank of a sliced one sees it: with its own heads. */
LlamaConfig own_part(LlamaConfig config, const Shard& shard) {
  if (config.heads % shard.tensor_size != 0 || config.kv_heads % shard.tensor_size != 0) {
    throw EngineError(ErrorCode::BadArgument, std::to_string(config.heads) + " heads and " +
                                                  std::to_string(config.kv_heads) + " key-value heads do not divide over " +
                                                  std::to_string(shard.tensor_size) + " ranks");
  }
  config.heads /= shard.tensor_size;
  config.kv_heads /= shard.tensor_size;
  return config;
}

Range slice_of(int size, int unit, const Shard& shard) {
  const int units = size / unit;
  return {units * shard.tensor_rank / shard.tensor_size * unit, units * (shard.tensor_rank + 1) / shard.tensor_size * unit};
}

/** Of the feed-forward network's inner values, whole quantisation groups where there are such. */
Range inner_slice(const LlamaConfig& config, const Shard& shard) {
  const int unit = config.feed_forward % 32 == 0 ? 32 : 1;
  if (shard.tensor_size > config.feed_forward / unit || (unit == 1 && config.feed_forward % shard.tensor_size != 0)) {
    throw EngineError(ErrorCode::BadArgument, "a feed-forward size of " + std::to_string(config.feed_forward) +
                                                  " does not divide over " + std::to_string(shard.tensor_size) + " ranks");
  }
  return slice_of(config.feed_forward, unit, shard);
}

}  // namespace

Llama::Llama(const gguf::File& file, const LlamaConfig& config, const Shard& shard, std::function<void()> progressed,
             const std::function<void(int, int)>& layer_done)
    : config_(own_part(config, shard)), shard_(shard), own_attention_(wants_own_attention()) {
  const int first_layer = shard.first_layer;
  const int last_layer = shard.last_layer;
  check_tensor_names(file, config);
  WeightLoader loader(file, std::move(progressed));
  const int hidden = config.hidden;
  const int query_size = config.heads * config.head_size;
  const int kv_size = config.kv_heads * config.head_size;
  const Range own_query = slice_of(query_size, config.head_size, shard);
  const Range own_kv = slice_of(kv_size, config.head_size, shard);
  const Range own_inner = inner_slice(config, shard);
  // Rank 0 of a sliced model samples alone.
  const bool last = last_layer == config.layers && shard.tensor_rank == 0;
  const bool tied = file.find_tensor("output.weight") == nullptr;

  if (first_layer == 0 || (last && tied)) embedding_ = loader.matrix("token_embd.weight", config.vocabulary, hidden);
  if (last) {
    output_norm_ = loader.vector("output_norm.weight", hidden);
    if (!tied) output_ = loader.matrix("output.weight", config.vocabulary, hidden);
  }
  wavelengths_ = read_wavelengths(file, config, loader);
  rope_wavelengths_ = mx::array(wavelengths_.data(), {config.rope_size / 2}, mx::float32);
  for (int index = first_layer; index < last_layer; index++) {
    const std::string prefix = "blk." + std::to_string(index) + ".";
    const auto rows_of = [&](const char* name, int rows, Range own) {
      return loader.matrix(prefix + name + ".weight", rows, hidden, own, {0, hidden});
    };
    const auto columns_of = [&](const char* name, int columns, Range own) {
      return loader.matrix(prefix + name + ".weight", hidden, columns, {0, hidden}, own);
    };
    layers_.push_back({loader.vector(prefix + "attn_norm.weight", hidden), rows_of("attn_q", query_size, own_query),
                       rows_of("attn_k", kv_size, own_kv), rows_of("attn_v", kv_size, own_kv),
                       columns_of("attn_output", query_size, own_query),
                       loader.vector(prefix + "ffn_norm.weight", hidden),
                       rows_of("ffn_gate", config.feed_forward, own_inner),
                       rows_of("ffn_up", config.feed_forward, own_inner),
                       columns_of("ffn_down", config.feed_forward, own_inner)});
    layer_done(index - first_layer + 1, last_layer - first_layer);
  }
  weight_bytes_ = loader.bytes();
}

Segments Llama::segments(std::vector<Segment> each) const {
  if (!own_attention_) return {std::move(each), std::nullopt};
  std::vector<int> positions;
  for (const Segment& segment : each) {
    for (int row = 0; row < segment.rows; row++) positions.push_back(segment.position + row);
  }
  return {std::move(each), fused::rope_angles(wavelengths_, config_.rope_scale, positions)};
}

mx::array Llama::embed(std::span<const std::int32_t> tokens) const {
  const mx::array indices(tokens.data(), {static_cast<int>(tokens.size())}, mx::int32);
  return take_rows(*embedding_, indices);
}

mx::array Llama::layer(int index, const mx::array& hidden, const Segments& segments) const {
  const Layer& layer = layers_.at(index);
  const mx::array attended = mx::add(hidden, summed(attention(index, hidden, segments)));
  const mx::array normed = fused::rms_norm(attended, layer.feed_forward_norm, config_.norm_epsilon);
  const mx::array activated = fused::swiglu(linear(normed, layer.gate), linear(normed, layer.up));
  return mx::add(attended, summed(linear(activated, layer.down)));
}

mx::array Llama::logits(const mx::array& hidden) const {
  const mx::array normed = fused::rms_norm(hidden, *output_norm_, config_.norm_epsilon);
  return linear(normed, output_ ? *output_ : *embedding_);
}

mx::array Llama::attention(int index, const mx::array& hidden, const Segments& segments) const {
  const Layer& layer = layers_.at(index);
  const mx::array normed = fused::rms_norm(hidden, layer.attention_norm, config_.norm_epsilon);
  const mx::array query = linear(normed, layer.query);
  const mx::array key = linear(normed, layer.key);
  const mx::array value = linear(normed, layer.value);
  if (segments.angles) {
    std::vector<fused::CacheRows> tasks;
    for (const Segment& each : segments.each) tasks.push_back(each.cache->rows(index, each.position, each.rows));
    return linear(fused::attention(query, key, value, *segments.angles, tasks), layer.output);
  }
  if (segments.each.size() == 1) return linear(attend(index, query, key, value, segments.each.front()), layer.output);

  std::vector<mx::array> parts;
  int row = 0;
  for (const Segment& segment : segments.each) {
    const auto rows = [&](const mx::array& all) {
      return mx::slice(all, {row, 0}, {row + segment.rows, all.shape(1)});
    };
    parts.push_back(attend(index, rows(query), rows(key), rows(value), segment));
    row += segment.rows;
  }
  return linear(mx::concatenate(std::move(parts), 0), layer.output);
}

mx::array Llama::attend(int index, const mx::array& query, const mx::array& key, const mx::array& value,
                        const Segment& segment) const {
  const auto split = [&](const mx::array& rows, int heads) {
    return mx::transpose(mx::reshape(rows, {1, segment.rows, heads, config_.head_size}), {0, 2, 1, 3});
  };
  const mx::array queries = rope(split(query, config_.heads), segment.position);
  const auto [keys, values] = segment.cache->update(index, rope(split(key, config_.kv_heads), segment.position),
                                                    split(value, config_.kv_heads), segment.position);
  const float scale = 1.0f / std::sqrt(static_cast<float>(config_.head_size));
  const mx::array attended =
      mx::fast::scaled_dot_product_attention(queries, keys, values, scale, segment.rows > 1 ? "causal" : "");
  return mx::reshape(mx::transpose(attended, {0, 2, 1, 3}), {segment.rows, config_.heads * config_.head_size});
}

mx::array Llama::rope(const mx::array& heads, int position) const {
  return mx::fast::rope(heads, config_.rope_size, /*traditional=*/true, std::nullopt, config_.rope_scale, position,
                        rope_wavelengths_);
}

}  // namespace skein
