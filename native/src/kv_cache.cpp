#include "kv_cache.h"

#include <algorithm>

#include "mlx/ops.h"
#include "mlx/transforms.h"

namespace skein {
namespace mx = mlx::core;
namespace {

int whole_blocks(int tokens) {
  return (tokens + KvCache::kBlockTokens - 1) / KvCache::kBlockTokens * KvCache::kBlockTokens;
}

}  // namespace

KvCache::KvCache(int layers, int kv_heads, int head_size) : kv_heads_(kv_heads), head_size_(head_size) {
  const auto [keys, values] = nothing();
  layers_.assign(layers, Layer{keys, values, 0});
}

KvPair KvCache::nothing() const {
  const mx::array empty = mx::zeros({1, kv_heads_, 0, head_size_}, mx::float32);
  return {empty, empty};
}

KvPair KvCache::copy_block(int index, int block) const {
  const Layer& layer = layers_.at(index);
  const auto copy = [&](const mx::array& all) {
    const int begin = block * kBlockTokens;
    return mx::contiguous(mx::slice(all, {0, 0, begin, 0}, {1, kv_heads_, begin + kBlockTokens, head_size_}));
  };
  return {copy(layer.keys), copy(layer.values)};
}

void KvCache::fill(int index, std::span<const KvPair> blocks, int tokens) {
  const int filled = static_cast<int>(blocks.size()) * kBlockTokens;
  const int capacity = std::max(filled, whole_blocks(tokens));
  const mx::array rest = mx::zeros({1, kv_heads_, capacity - filled, head_size_}, mx::float32);
  std::vector<mx::array> keys, values;
  for (const KvPair& block : blocks) {
    keys.push_back(block.keys);
    values.push_back(block.values);
  }
  keys.push_back(rest);
  values.push_back(rest);
  Layer& layer = layers_.at(index);
  layer = {mx::concatenate(std::move(keys), 2), mx::concatenate(std::move(values), 2), capacity};
  mx::eval({layer.keys, layer.values});
}

void KvCache::clear(int index) {
  const auto [keys, values] = nothing();
  layers_.at(index) = {keys, values, 0};
}

std::pair<mx::array, mx::array> KvCache::update(int index, const mx::array& keys, const mx::array& values,
                                                int position) {
  Layer& layer = layers_.at(index);
  const int end = position + keys.shape(2);
  if (end > layer.capacity) grow(layer, end);
  const mx::Shape from{0, 0, position, 0};
  const mx::Shape to{1, kv_heads_, end, head_size_};
  layer.keys = mx::slice_update(layer.keys, keys, from, to);
  layer.values = mx::slice_update(layer.values, values, from, to);
  return {mx::slice(layer.keys, {0, 0, 0, 0}, to), mx::slice(layer.values, {0, 0, 0, 0}, to)};
}

fused::CacheRows KvCache::rows(int index, int position, int rows) {
  Layer& layer = layers_.at(index);
  if (position + rows > layer.capacity) grow(layer, position + rows);
  return {layer.keys, layer.values, position, rows};
}

void KvCache::grow(Layer& layer, int tokens) {
  const int capacity = whole_blocks(tokens);
  const mx::array more = mx::zeros({1, kv_heads_, capacity - layer.capacity, head_size_}, mx::float32);
  const bool first = layer.capacity == 0;
  layer.keys = first ? more : mx::concatenate({layer.keys, more}, 2);
  layer.values = first ? mx::zeros(more.shape(), mx::float32) : mx::concatenate({layer.values, more}, 2);
  layer.capacity = capacity;
}

std::int64_t KvCache::bytes() const {
  std::int64_t tokens = 0;
  for (const Layer& layer : layers_) tokens += layer.capacity;
  return tokens * bytes_per_token(1, kv_heads_, head_size_);
}

}  // namespace skein
