#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "command.h"
#include "scheduler.h"

namespace skein::test {
namespace {

using Tokens = std::vector<std::int32_t>;

constexpr int kBlockTokens = 4;
constexpr int kContext = 40;

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

/** Follows the scheduler's decisions with tokens where an engine has keys and values, and knows what must be there. */
class ModelMemory {
 public:
  void apply(const KvChange& change) {
    if (const auto* released = std::get_if<ReleaseCache>(&change)) {
      const Tokens tokens = caches_.contains(released->task) ? caches_.extract(released->task).mapped() : Tokens{};
      auto end = static_cast<std::size_t>(released->first) * kBlockTokens;
      for (const BlockId block : released->blocks) {
        end += kBlockTokens;
        require(end <= tokens.size(), "a block is kept that was never computed");
        require(blocks_.emplace(block, Tokens(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(end))).second,
                "a block's number is used twice");
      }
    } else if (const auto* reused = std::get_if<ReuseBlocks>(&change)) {
      require(!caches_.contains(reused->task), "a task with a cache reuses blocks");
      for (const BlockId block : reused->blocks) {
        require(blocks_.contains(block), "a block is reused that is not kept");
        const Tokens& tokens = blocks_.at(block);
        Tokens& cache = caches_[reused->task];
        require(tokens.size() == cache.size() + kBlockTokens && std::equal(cache.begin(), cache.end(), tokens.begin()),
                "a block is reused behind another context");
        cache = tokens;
      }
      require(reused->tokens > std::ssize(caches_[reused->task]), "nothing is left to compute");
      for (auto block = reused->blocks.end() - reused->moved; block != reused->blocks.end(); block++) blocks_.erase(*block);
      reuses++;
      moves += reused->moved;
    } else {
      for (const BlockId block : std::get<DropBlocks>(change).blocks) {
        require(blocks_.erase(block) == 1, "a block is dropped that is not kept");
        drops++;
      }
    }
  }

  void compute(const StepEntry& entry, const Tokens& context) {
    Tokens& cache = caches_[entry.task];
    require(std::ssize(cache) == entry.position, "a step begins where the cache does not end");
    cache.insert(cache.end(), entry.tokens.begin(), entry.tokens.end());
    require(cache.size() <= context.size() && std::equal(cache.begin(), cache.end(), context.begin()),
            "a cache holds another context");
    require(entry.samples == (cache.size() == context.size()), "a step samples too early or too late");
  }

  std::int64_t size() const {
    auto blocks = static_cast<std::int64_t>(blocks_.size());
    for (const auto& [task, cache] : caches_) blocks += (std::ssize(cache) + kBlockTokens - 1) / kBlockTokens;
    return blocks;
  }
  bool has_caches() const { return !caches_.empty(); }

  int reuses = 0;
  int moves = 0;
  int drops = 0;

 private:
  std::map<TaskId, Tokens> caches_;
  std::map<BlockId, Tokens> blocks_;
};

struct Running {
  Tokens context;
  int left;
  bool evicted = false;
};

}  // namespace

/**
 * `seed rounds tasks blocks`: random submissions, cancels and ends in a memory that is always short. Fails when a step
 * would compute on what is not there, when memory exceeds its bound, or when something never ends.
 */
void schedule(std::istream& in, std::ostream& out) {
  unsigned seed;
  int rounds, max_tasks;
  std::int64_t blocks;
  in >> seed >> rounds >> max_tasks >> blocks;
  std::mt19937 random(seed);
  const auto below = [&](int limit) { return static_cast<int>(random() % static_cast<unsigned>(limit)); };
  Scheduler scheduler({max_tasks, 6, 6, kContext, blocks, kBlockTokens});
  ModelMemory memory;
  std::map<TaskId, Running> running;
  std::vector<Tokens> said{Tokens(12, 7)};
  TaskId last = 0;
  int refused = 0, cancelled = 0, finished = 0, evictions = 0;

  const auto apply_changes = [&] {
    for (const KvChange& change : scheduler.take_changes()) {
      const auto* released = std::get_if<ReleaseCache>(&change);
      evictions += released != nullptr && running.contains(released->task);
      memory.apply(change);
    }
  };
  const auto end = [&](TaskId task, bool keep) {
    running.erase(task);
    scheduler.end(task, keep);
  };
  const auto submit = [&] {
    // Most begin as another did; few tokens, so that some agree by chance.
    const Tokens& like = said[static_cast<std::size_t>(below(static_cast<int>(said.size())))];
    Tokens prompt(like.begin(), like.begin() + below(static_cast<int>(like.size())));
    for (int more = 1 + below(6); more > 0 && std::ssize(prompt) < kContext - 1; more--) prompt.push_back(below(2));
    if (scheduler.submit(++last, prompt) == Scheduler::Submission::QueueFull) refused++;
    else running.emplace(last, Running{prompt, 1 + below(12)});
  };
  const auto step = [&] {
    const StepPlan plan = scheduler.plan();
    apply_changes();
    for (const StepEntry& entry : plan) memory.compute(entry, running.at(entry.task).context);
    require(memory.size() <= blocks, "more memory than the bound");
    for (const StepEntry& entry : plan) {
      scheduler.computed(entry);
      if (!entry.samples) continue;
      Running& task = running.at(entry.task);
      task.context.push_back(below(2));
      scheduler.sampled(entry.task, task.context.back());
      if (--task.left > 0 && std::ssize(task.context) < kContext) continue;
      said.push_back(task.context);
      if (said.size() > 20) said.erase(said.begin());
      finished++;
      end(entry.task, below(8) > 0);
    }
  };

  for (int round = 0; round < rounds; round++) {
    if (below(3) == 0) submit();
    if (below(12) == 0 && !running.empty()) {
      cancelled++;
      end(std::next(running.begin(), below(static_cast<int>(running.size())))->first, true);
    }
    if (below(4) == 0) apply_changes();
    if (below(5) > 0) step();
  }
  for (int left = 5000; !running.empty(); left--) {
    require(left > 0, "something never ends");
    step();
  }
  apply_changes();
  require(scheduler.idle() && !memory.has_caches() && memory.size() <= blocks, "something is left behind");
  out << "{\"finished\":" << finished << ",\"cancelled\":" << cancelled << ",\"refused\":" << refused
      << ",\"evictions\":" << evictions << ",\"reuses\":" << memory.reuses << ",\"moves\":" << memory.moves
      << ",\"drops\":" << memory.drops << "}";
}

}  // namespace skein::test
