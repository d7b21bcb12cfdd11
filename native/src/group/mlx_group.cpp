#include "mlx_group.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <utility>

#include "error.h"
#include "mlx/distributed/ops.h"
#include "mlx/ops.h"
#include "mlx/transforms.h"

namespace skein {
namespace mx = mlx::core;
namespace {

/** The receiver must know how much comes: the first part of each message has this size and begins with the length. */
constexpr std::size_t kFirstPart = 4096;
constexpr std::size_t kFirstBytes = kFirstPart - sizeof(std::uint64_t);
constexpr auto kPollPiece = std::chrono::milliseconds(1);
constexpr auto kOnWait = std::chrono::milliseconds(50);

mx::array as_array(std::span<const std::byte> bytes) {
  return mx::array(reinterpret_cast<const std::uint8_t*>(bytes.data()), {static_cast<int>(bytes.size())}, mx::uint8);
}

std::span<const std::byte> bytes_of(const mx::array& evaluated) {
  return std::as_bytes(std::span(evaluated.data<std::uint8_t>(), evaluated.size()));
}

}  // namespace

MlxGroup::MlxGroup(mx::distributed::Group group, OnWait on_wait)
    : group_(std::move(group)), on_wait_(std::move(on_wait)) {}

MlxGroup::~MlxGroup() {
  awaited_.clear();
  group_.reset();
  // Else the next attempt would get this group again, dead or alive.
  mx::distributed::clear_backends();
}

void MlxGroup::evaluate(const mx::array& wanted) {
  try {
    mx::eval(wanted);
  } catch (const std::exception& error) {
    abort(error.what());
  }
  check();
}

void MlxGroup::send(int to, std::span<const std::byte> message) {
  check();
  if (message.size() >= kMaxMessage) throw EngineError(ErrorCode::BadArgument, "a message is too large");
  Bytes first(kFirstPart);
  const std::uint64_t length = message.size();
  std::memcpy(first.data(), &length, sizeof length);
  const auto early = message.first(std::min(message.size(), kFirstBytes));
  std::copy(early.begin(), early.end(), first.begin() + sizeof length);
  evaluate(mx::distributed::send(as_array(first), to, group_, mx::Device::cpu));
  const auto rest = message.subspan(early.size());
  if (!rest.empty()) evaluate(mx::distributed::send(as_array(rest), to, group_, mx::Device::cpu));
}

mx::array MlxGroup::receive_bytes(int from, std::size_t size) const {
  return mx::distributed::recv({static_cast<int>(size)}, mx::uint8, from, group_, mx::Device::cpu);
}

Bytes MlxGroup::receive(int from) {
  check();
  const auto under_way = awaited_.extract(from);
  const mx::array first = under_way.empty() ? receive_bytes(from, kFirstPart) : under_way.mapped();
  evaluate(first);
  std::uint64_t length = 0;
  std::memcpy(&length, bytes_of(first).data(), sizeof length);
  if (length >= kMaxMessage) {
    abort("rank " + std::to_string(from) + " sent what is not a message");
    check();
  }
  const auto early = bytes_of(first).subspan(sizeof length, std::min<std::size_t>(length, kFirstBytes));
  Bytes message(early.begin(), early.end());
  if (length > kFirstBytes) {
    const mx::array rest = receive_bytes(from, length - kFirstBytes);
    evaluate(rest);
    const auto late = bytes_of(rest);
    message.insert(message.end(), late.begin(), late.end());
  }
  return message;
}

bool MlxGroup::await(int from, std::chrono::milliseconds time) {
  const auto until = Clock::now() + time;
  check();
  auto under_way = awaited_.find(from);
  if (under_way == awaited_.end()) {
    under_way = awaited_.emplace(from, receive_bytes(from, kFirstPart)).first;
    mx::async_eval({under_way->second});
  }
  auto next_wait = Clock::now();
  while (!under_way->second.is_available()) {
    check();
    const auto now = Clock::now();
    if (now >= until) return false;
    if (now >= next_wait) {
      on_wait_();
      next_wait = now + kOnWait;
    }
    std::this_thread::sleep_for(kPollPiece);
  }
  return true;
}

std::vector<Bytes> MlxGroup::all_gather(std::span<const std::byte> mine) {
  check();
  std::vector<Bytes> all(static_cast<std::size_t>(size()));
  if (mine.empty()) return all;
  const mx::array gathered = mx::distributed::all_gather(as_array(mine), group_, mx::Device::cpu);
  evaluate(gathered);
  const auto bytes = bytes_of(gathered);
  for (std::size_t rank = 0; rank < all.size(); rank++) {
    const auto part = bytes.subspan(rank * mine.size(), mine.size());
    all[rank].assign(part.begin(), part.end());
  }
  return all;
}

mx::array MlxGroup::all_sum(const mx::array& mine) {
  if (mine.dtype() != mx::float32) throw std::invalid_argument("all_sum: not float32");
  // MLX's own sum may add in another order on each rank; this one gives all the same bits.
  const int values = static_cast<int>(mine.size());
  const mx::array all = mx::distributed::all_gather(mx::reshape(mine, {1, values}), group_, mx::Device::cpu);
  const auto part = [&](int rank) { return mx::slice(all, {rank, 0}, {rank + 1, values}); };
  mx::array sum = part(0);
  for (int rank = 1; rank < size(); rank++) sum = mx::add(sum, part(rank), mx::Device::cpu);
  return mx::reshape(sum, mine.shape());
}

void MlxGroup::check() {
  if (!lost_) return;
  const std::lock_guard lock(reason_mutex_);
  throw EngineError(ErrorCode::GroupLost, reason_);
}

void MlxGroup::abort(const std::string& why) {
  const std::lock_guard lock(reason_mutex_);
  if (lost_) return;
  reason_ = why;
  lost_ = true;
}

}  // namespace skein
