#include "kv_memory.h"

#include <string>
#include <utility>
#include <vector>

#include "error.h"
#include "mlx/transforms.h"

namespace skein {
namespace mx = mlx::core;

void KvMemory::apply(const KvChange& change) {
  if (const auto* released = std::get_if<ReleaseCache>(&change)) return release(*released);
  if (const auto* reused = std::get_if<ReuseBlocks>(&change)) return reuse(*reused);
  for (const BlockId block : std::get<DropBlocks>(change).blocks) blocks_.erase(block);
}

KvCache& KvMemory::cache(TaskId task) {
  return caches_.try_emplace(task, layers_, kv_heads_, head_size_).first->second;
}

void KvMemory::release(const ReleaseCache& change) {
  auto cache = caches_.extract(change.task);
  if (change.blocks.empty()) return;
  if (cache.empty())
    throw EngineError(ErrorCode::GroupLost, "rank 0 keeps what this rank never computed");
  // Layer by layer: the memory never holds more than one layer twice.
  for (int layer = 0; layer < layers_; layer++) {
    std::vector<mx::array> copies;
    for (std::size_t i = 0; i < change.blocks.size(); i++) {
      auto copy = cache.mapped().copy_block(layer, change.first + static_cast<int>(i));
      copies.insert(copies.end(), {copy.keys, copy.values});
      blocks_[change.blocks[i]].push_back(std::move(copy));
    }
    mx::eval(std::move(copies));
    cache.mapped().clear(layer);
  }
}

void KvMemory::reuse(const ReuseBlocks& change) {
  KvCache& own = cache(change.task);
  const auto first_moved = change.blocks.size() - static_cast<std::size_t>(change.moved);
  for (int layer = 0; layer < layers_; layer++) {
    std::vector<KvPair> parts;
    for (const BlockId block : change.blocks) parts.push_back(kept(block).at(layer));
    own.fill(layer, parts, change.tokens);
    parts.clear();
    for (std::size_t i = first_moved; i < change.blocks.size(); i++) blocks_.at(change.blocks[i])[layer] = own.nothing();
  }
  for (std::size_t i = first_moved; i < change.blocks.size(); i++) blocks_.erase(change.blocks[i]);
}

const KvBlock& KvMemory::kept(BlockId block) const {
  const auto found = blocks_.find(block);
  if (found == blocks_.end())
    throw EngineError(ErrorCode::GroupLost, "rank 0 reuses block " + std::to_string(block) + ", which this rank does not keep");
  return found->second;
}

std::int64_t KvMemory::task_bytes() const {
  std::int64_t bytes = 0;
  for (const auto& [task, cache] : caches_) bytes += cache.bytes();
  return bytes;
}

std::int64_t KvMemory::kept_bytes() const {
  return static_cast<std::int64_t>(blocks_.size()) * KvCache::kBlockTokens *
         KvCache::bytes_per_token(layers_, kv_heads_, head_size_);
}

}  // namespace skein
