#include "kv_cache.h"

#include "fused.h"
#include "mlx/ops.h"

namespace skein {
namespace mx = mlx::core;

KvCache::KvCache(int layers, int kv_heads, int head_size) : kv_heads_(kv_heads), head_size_(head_size) {
  const mx::array empty = mx::zeros({1, kv_heads, 0, head_size}, mx::float32);
  layers_.assign(layers, Layer{empty, empty, 0});
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

std::pair<mx::array, mx::array> KvCache::store(int index, const mx::array& keys, const mx::array& values,
                                               const mx::array& angles, int position) {
  Layer& layer = layers_.at(index);
  const int end = position + keys.shape(0);
  if (end > layer.capacity) grow(layer, end);
  layer.keys = fused::store_rows(layer.keys, keys, angles, position);
  layer.values = fused::store_rows(layer.values, values, std::nullopt, position);
  return {layer.keys, layer.values};
}

void KvCache::grow(Layer& layer, int tokens) {
  const int capacity = (tokens + kBlockTokens - 1) / kBlockTokens * kBlockTokens;
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
