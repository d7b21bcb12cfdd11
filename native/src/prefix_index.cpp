#include "prefix_index.h"

#include <algorithm>

namespace skein {

std::vector<std::int32_t> PrefixIndex::block_of(std::span<const std::int32_t> tokens, std::size_t index) const {
  const auto block = tokens.subspan(index * block_tokens_, block_tokens_);
  return {block.begin(), block.end()};
}

void PrefixIndex::use(Node& node) {
  const bool leaf = leaves_.erase({node.used, node.id}) > 0;
  node.used = uses_;
  if (leaf) leaves_.insert({node.used, node.id});
}

std::vector<BlockId> PrefixIndex::match(std::span<const std::int32_t> tokens, std::size_t most) {
  uses_++;
  std::vector<BlockId> found;
  const std::size_t whole = std::min(tokens.size() / block_tokens_, most);
  for (Node* node = &root_; found.size() < whole;) {
    const auto next = node->children.find(block_of(tokens, found.size()));
    if (next == node->children.end()) break;
    node = next->second.get();
    use(*node);
    found.push_back(node->id);
  }
  return found;
}

PrefixIndex::Added PrefixIndex::add(std::span<const std::int32_t> tokens) {
  const std::size_t whole = tokens.size() / block_tokens_;
  Added added{static_cast<int>(match(tokens, whole).size()), {}};
  Node* node = &root_;
  for (std::size_t index = 0; index < whole; index++) {
    auto& child = node->children[block_of(tokens, index)];
    if (!child) {
      leaves_.erase({node->used, node->id});
      child = std::make_unique<Node>(Node{++last_id_, node, uses_});
      nodes_.emplace(child->id, child.get());
      leaves_.insert({child->used, child->id});
      added.blocks.push_back(child->id);
    }
    node = child.get();
  }
  return added;
}

BlockId PrefixIndex::drop_oldest() {
  const BlockId id = leaves_.begin()->second;
  leaves_.erase(leaves_.begin());
  const auto found = nodes_.find(id);
  Node* parent = found->second->parent;
  nodes_.erase(found);
  std::erase_if(parent->children, [id](const auto& child) { return child.second->id == id; });
  if (parent != &root_ && parent->children.empty()) leaves_.insert({parent->used, parent->id});
  return id;
}

void PrefixIndex::clear() {
  leaves_.clear();
  nodes_.clear();
  root_.children.clear();
}

}  // namespace skein
