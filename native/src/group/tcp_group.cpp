#include "tcp_group.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "error.h"

namespace skein {
namespace {

constexpr std::uint64_t kLeaves = std::uint64_t{1} << 63;
constexpr auto kPollPiece = std::chrono::milliseconds(100);
#if defined(POLLRDHUP)
constexpr short kHangup = POLLRDHUP;
#else
constexpr short kHangup = 0;
#endif

std::string name(int rank) { return "rank " + std::to_string(rank); }

std::string gone(int rank) { return name(rank) + " is gone: its process ended or the connection broke"; }

}  // namespace

TcpGroup::TcpGroup(const TcpOptions& options, Descriptor listener, const OnWait& on_joining, OnWait on_wait)
    : rank_(options.rank), silence_(options.silence), on_wait_(std::move(on_wait)) {
  int wake[2];
  if (pipe(wake) != 0) throw EngineError(ErrorCode::GroupLost, "cannot make a pipe: " + system_error());
  wake_read_ = Descriptor(wake[0]);
  wake_write_ = Descriptor(wake[1]);
  for (const int end : wake) {
    fcntl(end, F_SETFD, FD_CLOEXEC);
    fcntl(end, F_SETFL, O_NONBLOCK);
  }
  const auto now = Clock::now();
  for (auto& socket : join_mesh(options, std::move(listener), on_joining)) {
    peers_.emplace_back();
    peers_.back().socket = std::move(socket);
  }
  for (auto& peer : peers_) peer.heard = Clock::now();
  next_tick_ = now;
  life_ = std::thread([this] { keep_alive(); });
}

TcpGroup::~TcpGroup() {
  abort("the group was left");
  ending_ = true;
  life_.join();
  leave();
}

TcpGroup::Header TcpGroup::frame(std::uint64_t length) {
  Header header;
  for (std::size_t i = 0; i < header.size(); i++) header[i] = static_cast<std::byte>(length >> (8 * i));
  return header;
}

TcpGroup::Outgoing TcpGroup::outgoing(int to, std::span<const std::byte> message) const {
  // One byte more than the message: length 0 is the sign of life.
  return {to, frame(message.size() + 1), message};
}

void TcpGroup::send(int to, std::span<const std::byte> message) {
  std::vector<Incoming> none;
  transfer({outgoing(to, message)}, none);
}

Bytes TcpGroup::receive(int from) {
  std::vector<Incoming> in{{from}};
  transfer({}, in);
  return std::move(in.front().message);
}

bool TcpGroup::await(int from, std::chrono::milliseconds time) {
  const auto until = Clock::now() + time;
  const std::lock_guard lock(io_mutex_);
  for (;;) {
    throw_if_lost();
    read_header(from);
    if (peers_[from].announced) return true;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) return false;
    std::vector<short> events(peers_.size(), kHangup);
    events[from] = POLLIN;
    sleep(events, left);
  }
}

std::vector<Bytes> TcpGroup::exchange(std::span<const std::byte> mine) {
  std::vector<Outgoing> out;
  std::vector<Incoming> in;
  for (int peer = 0; peer < size(); peer++) {
    if (peer == rank_) continue;
    out.push_back(outgoing(peer, mine));
    in.push_back({peer});
  }
  transfer(std::move(out), in);
  std::vector<Bytes> all(peers_.size());
  for (auto& each : in) {
    if (each.message.size() != mine.size()) {
      lose(each.peer, name(each.peer) + " gave " + std::to_string(each.message.size()) + " bytes where " +
                          std::to_string(mine.size()) + " were due");
      check();
    }
    all[each.peer] = std::move(each.message);
  }
  return all;
}

std::vector<Bytes> TcpGroup::all_gather(std::span<const std::byte> mine) {
  auto all = exchange(mine);
  all[rank_].assign(mine.begin(), mine.end());
  return all;
}

void TcpGroup::transfer(std::vector<Outgoing> out, std::vector<Incoming>& in) {
  for (const auto& each : out) {
    if (each.message.size() >= kMaxMessage) throw EngineError(ErrorCode::BadArgument, "a message is too large");
  }
  const std::lock_guard lock(io_mutex_);
  for (;;) {
    throw_if_lost();
    std::vector<short> events(peers_.size(), kHangup);
    bool done = true;
    for (auto& each : out) {
      if (push(each)) continue;
      done = false;
      events[each.peer] |= POLLOUT;
    }
    for (auto& each : in) {
      if (pull(each)) continue;
      done = false;
      events[each.peer] |= POLLIN;
    }
    throw_if_lost();
    if (done) return;
    sleep(events, kPollPiece);
  }
}

/** Sends what can be sent now; whether all is. */
bool TcpGroup::push(Outgoing& out) {
  if (out.done()) return true;
  Peer& peer = peers_[out.peer];
  flush(out.peer);
  if (!peer.unsent.empty()) return false;
  while (!out.done()) {
    const std::size_t header = out.header.size();
    const auto rest = out.sent < header ? std::span<const std::byte>(out.header).subspan(out.sent)
                                        : out.message.subspan(out.sent - header);
    const std::ptrdiff_t sent = send_some(peer.socket, rest);
    if (sent < 0) lose_connection(out.peer);
    if (sent <= 0) break;
    out.sent += static_cast<std::size_t>(sent);
  }
  peer.in_message = out.sent > 0 && !out.done();
  return out.done();
}

/** Receives what has come; whether all has. */
bool TcpGroup::pull(Incoming& in) {
  if (in.done()) return true;
  Peer& peer = peers_[in.peer];
  if (!in.begun) {
    read_header(in.peer);
    if (!peer.announced) return false;
    in.message.resize(static_cast<std::size_t>(*peer.announced));
    in.begun = true;
  }
  while (!in.done()) {
    const std::ptrdiff_t received = receive_some(peer.socket, std::span(in.message).subspan(in.received));
    if (received < 0) lose_connection(in.peer);
    if (received <= 0) break;
    in.received += static_cast<std::size_t>(received);
    peer.heard = Clock::now();
  }
  if (in.done()) peer.announced.reset();
  return in.done();
}

void TcpGroup::flush(int rank) {
  Peer& peer = peers_[rank];
  while (!peer.unsent.empty()) {
    const std::byte next = peer.unsent.front();
    const std::ptrdiff_t sent = send_some(peer.socket, {&next, 1});
    if (sent < 0) lose_connection(rank);
    if (sent <= 0) return;
    peer.unsent.pop_front();
  }
}

/** Takes signs of life off the connection, up to the header of a message. */
void TcpGroup::read_header(int rank) {
  Peer& peer = peers_[rank];
  while (!peer.announced) {
    const std::ptrdiff_t received = receive_some(peer.socket, std::span(peer.header).subspan(peer.header_bytes));
    if (received < 0) lose(rank, gone(rank));
    if (received <= 0) return;
    peer.heard = Clock::now();
    peer.header_bytes += static_cast<std::size_t>(received);
    if (peer.header_bytes < peer.header.size()) continue;
    peer.header_bytes = 0;
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < peer.header.size(); i++)
      length |= std::to_integer<std::uint64_t>(peer.header[i]) << (8 * i);
    if (length == 0) continue;
    if ((length & kLeaves) != 0) {
      const auto other = static_cast<int>(length & 0xffff);
      lose(other, other == rank ? name(rank) + " left the group"
                                : name(rank) + " says that " + name(other) + " is lost");
      return;
    }
    if (length > kMaxMessage) return lose(rank, name(rank) + " sent what is not a message");
    peer.announced = length - 1;
  }
}

/** Says that this rank lives, and asks whether the others do. */
void TcpGroup::tick() {
  if (lost()) return;
  const auto now = Clock::now();
  if (now < next_tick_) return;
  // Our own pause (a stopped process that goes on) is nobody else's silence.
  const bool paused = now - next_tick_ > silence_ / 2;
  next_tick_ = now + silence_ / 5;
  for (int rank = 0; rank < size() && !lost(); rank++) {
    Peer& peer = peers_[rank];
    if (rank == rank_) continue;
    if (!peer.in_message && peer.unsent.empty()) {
      const Header life = frame(0);
      peer.unsent.assign(life.begin(), life.end());
    }
    if (!peer.in_message) flush(rank);
    read_header(rank);
    if (paused || peer.announced) peer.heard = now;
    if (!lost() && now - peer.heard > silence_)
      lose(rank, name(rank) + " has said nothing for " + std::to_string(silence_.count()) + " ms");
  }
}

/** Until one of the connections is ready or the time is over; whether one is. */
bool TcpGroup::sleep(const std::vector<short>& events, std::chrono::milliseconds time) {
  std::vector<pollfd> watched{{wake_read_.number(), POLLIN, 0}};
  for (int rank = 0; rank < size(); rank++) {
    if (rank != rank_) watched.push_back({peers_[rank].socket.number(), events[rank], 0});
  }
  const auto least = std::min(time, std::max(silence_ / 5, std::chrono::milliseconds(1)));
  const int ready = poll(watched.data(), watched.size(), static_cast<int>(std::min(least, kPollPiece).count()));
  on_wait_();
  const bool hangup = std::any_of(watched.begin() + 1, watched.end(), [](const pollfd& each) {
    return (each.revents & (kHangup | POLLHUP | POLLERR)) != 0;
  });
  if (hangup) next_tick_ = std::min(next_tick_, Clock::now());
  tick();
  return ready > 0;
}

/** The life thread: does what a waiting engine thread does, while that one computes. */
void TcpGroup::keep_alive() {
  const auto piece = std::max(std::min(silence_ / 5, kPollPiece), std::chrono::milliseconds(1));
  while (!ending_) {
    {
      const std::unique_lock lock(io_mutex_, std::try_to_lock);
      if (lock && lost()) leave();
      if (lock) tick();
    }
    std::vector<pollfd> watched;
    if (lost()) return;
    watched.push_back({wake_read_.number(), POLLIN, 0});
    poll(watched.data(), watched.size(), static_cast<int>(piece.count()));
  }
}

void TcpGroup::check() {
  if (!lost()) return;
  const std::lock_guard lock(io_mutex_);
  throw_if_lost();
}

void TcpGroup::abort(const std::string& why) {
  lose(rank_, why);
  const std::unique_lock lock(io_mutex_, std::try_to_lock);
  if (lock) leave();
}

/** A connection that takes or gives no more; its last words, if any, say why. */
void TcpGroup::lose_connection(int rank) {
  read_header(rank);
  lose(rank, gone(rank));
}

void TcpGroup::lose(int rank, const std::string& why) {
  const std::lock_guard lock(reason_mutex_);
  if (lost_) return;
  reason_ = why;
  lost_rank_ = rank;
  lost_ = true;
  const char byte = 1;
  static_cast<void>(!write(wake_write_.number(), &byte, 1));
}

/** With `io_mutex_` held. */
void TcpGroup::throw_if_lost() {
  if (!lost()) return;
  leave();
  const std::lock_guard lock(reason_mutex_);
  throw EngineError(ErrorCode::GroupLost, reason_);
}

/** Tells the others why, as far as they listen, and ends the connections. With `io_mutex_` held, or alone. */
void TcpGroup::leave() {
  if (std::exchange(left_, true)) return;
  const Header farewell = frame(kLeaves | static_cast<std::uint64_t>(lost_rank_));
  for (auto& peer : peers_) {
    if (!peer.socket) continue;
    if (!peer.in_message && peer.unsent.empty()) send_some(peer.socket, farewell);
    ::shutdown(peer.socket.number(), SHUT_WR);
  }
}

}  // namespace skein
