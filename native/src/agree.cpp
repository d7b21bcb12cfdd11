#include <algorithm>
#include <array>

#include "error.h"
#include "ranks.h"

namespace skein {
namespace {

/** Of the numbers that must be the same on all ranks, then those that make up the whole, then the bounds. */
constexpr int kSame = 13;
constexpr int kNumbers = kSame + 5;
using Numbers = std::array<std::int64_t, kNumbers>;

Numbers numbers_of(const RankShape& shape) {
  const auto& [config, shard, chunk, context, blocks] = shape;
  return {/*version of these messages*/ 2, config.layers, config.hidden, config.feed_forward, config.heads,
          config.kv_heads, config.head_size, config.rope_size, config.vocabulary, config.context, chunk,
          shard.tensor_size, static_cast<std::int64_t>(config.rope_base),
          shard.first_layer, shard.last_layer, shard.tensor_rank, context, blocks};
}

[[noreturn]] void refuse(const std::string& what) {
  throw EngineError(ErrorCode::BadArgument, "the ranks are not one model: " + what);
}

}  // namespace

RankShape agree(Group& group, const RankShape& mine) {
  const Numbers own = numbers_of(mine);
  const auto all = group.all_gather(std::as_bytes(std::span(own)));
  std::vector<Numbers> ranks(all.size());
  for (std::size_t i = 0; i < all.size(); i++) std::copy(all[i].begin(), all[i].end(), std::as_writable_bytes(std::span(ranks[i])).begin());

  RankShape result = mine;
  const bool sliced = mine.shard.tensor_size > 1;
  if (sliced && mine.shard.tensor_size != group.size()) {
    refuse("its slices are " + std::to_string(mine.shard.tensor_size) + ", its ranks " + std::to_string(group.size()));
  }
  std::int64_t next_layer = 0;
  for (int rank = 0; rank < group.size(); rank++) {
    const Numbers& each = ranks[rank];
    const std::string name = "rank " + std::to_string(rank);
    if (!std::equal(each.begin(), each.begin() + kSame, ranks[0].begin()))
      refuse(name + " has another model file, prefill chunk or sharding than rank 0");
    const std::int64_t first = each[kSame];
    const std::int64_t last = each[kSame + 1];
    if (sliced ? first != 0 || last != mine.config.layers || each[kSame + 2] != rank : first != next_layer) {
      refuse(name + " holds layers [" + std::to_string(first) + ", " + std::to_string(last) + ") and slice " +
             std::to_string(each[kSame + 2]));
    }
    next_layer = last;
    result.context_tokens = static_cast<int>(std::min<std::int64_t>(result.context_tokens, each[kSame + 3]));
    result.kv_blocks = std::min(result.kv_blocks, each[kSame + 4]);
  }
  if (next_layer != mine.config.layers) refuse("nobody holds the layers from " + std::to_string(next_layer) + " on");
  return result;
}

}  // namespace skein
