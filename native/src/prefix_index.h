#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "step_plan.h"

namespace skein {

/**
 * Which blocks of keys and values are kept, by the tokens that led to them: a tree whose edges are whole blocks of tokens,
 * so that contexts which begin alike share what they have in common. Pure: knows tokens and numbers, not memory.
 */
class PrefixIndex {
 public:
  explicit PrefixIndex(int block_tokens) : block_tokens_(static_cast<std::size_t>(block_tokens)) {}

  /** The kept blocks with which `tokens` begin, at most `most`; they count as used now. */
  std::vector<BlockId> match(std::span<const std::int32_t> tokens, std::size_t most);

  struct Added {
    /** Blocks before the new ones, which were there already. */
    int first;
    std::vector<BlockId> blocks;
  };
  /** Numbers for the whole blocks of `tokens` that are not kept yet; all of them count as used now. */
  Added add(std::span<const std::int32_t> tokens);

  /** Forgets the block that was used longest ago among those that none builds on. There must be one. */
  BlockId drop_oldest();

  /** Forgets all. */
  void clear();

  std::int64_t size() const { return static_cast<std::int64_t>(nodes_.size()); }

 private:
  struct Node {
    BlockId id = 0;
    Node* parent = nullptr;
    /** Of the uses counted so far. */
    std::uint64_t used = 0;
    std::map<std::vector<std::int32_t>, std::unique_ptr<Node>> children{};
  };

  std::vector<std::int32_t> block_of(std::span<const std::int32_t> tokens, std::size_t index) const;
  void use(Node& node);

  const std::size_t block_tokens_;
  Node root_;
  /** The blocks that none builds on, by their last use; of one use there may be several. */
  std::set<std::pair<std::uint64_t, BlockId>> leaves_;
  std::map<BlockId, Node*> nodes_;
  std::uint64_t uses_ = 0;
  BlockId last_id_ = 0;
};

}  // namespace skein
