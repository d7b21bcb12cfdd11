#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "fused.h"
#include "mlx/array.h"

namespace skein {

/** Keys and values of some tokens in one layer: [1 × kv_heads × tokens × head_size], fp32. */
struct KvPair {
  mlx::core::array keys;
  mlx::core::array values;
};

/** Those of `KvCache::kBlockTokens` tokens in every layer of a shard. */
using KvBlock = std::vector<KvPair>;

/** Keys and values of one task for the layers of one shard, fp32. Grows by whole blocks; bounded by its owner's plan. */
class KvCache {
 public:
  /** Tokens by which a layer's buffers grow. */
  static constexpr int kBlockTokens = 64;

  KvCache(int layers, int kv_heads, int head_size);

  /**
   * Puts `keys` and `values` [1 × kv_heads × rows × head_size] at `position` of a layer, over what was there, and
   * returns views of everything up to their end: [1 × kv_heads × (position + rows) × head_size]. Lazy.
   */
  std::pair<mlx::core::array, mlx::core::array> update(int layer, const mlx::core::array& keys,
                                                       const mlx::core::array& values, int position);

  /** The buffers of a layer with room for `rows` behind `position`, for our own attention to put them there. */
  fused::CacheRows rows(int layer, int position, int rows);

  /** A copy of block `index` of a layer. Lazy; nobody else holds its memory once it is evaluated. */
  KvPair copy_block(int layer, int index) const;
  /** Fills an empty layer with copies of whole blocks, with room for `tokens`, and evaluates it. */
  void fill(int layer, std::span<const KvPair> blocks, int tokens);
  /** Frees a layer's buffers. */
  void clear(int layer);
  /** Of no tokens. */
  KvPair nothing() const;

  /** Memory of the buffers allocated so far. */
  std::int64_t bytes() const;

  /** Memory of one token over `layers` layers. */
  static std::int64_t bytes_per_token(int layers, int kv_heads, int head_size) {
    return std::int64_t{2} * layers * kv_heads * head_size * static_cast<std::int64_t>(sizeof(float));
  }

 private:
  struct Layer {
    mlx::core::array keys;
    mlx::core::array values;
    int capacity;
  };

  void grow(Layer& layer, int tokens);

  const int kv_heads_;
  const int head_size_;
  std::vector<Layer> layers_;
};

}  // namespace skein
