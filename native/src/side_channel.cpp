#include "side_channel.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "error.h"

namespace skein {
namespace {

using Length = std::array<std::byte, 4>;

constexpr auto kSlice = std::chrono::milliseconds(100);
/** A pipe whose other end is not open yet can't be waited for. */
constexpr auto kRetry = std::chrono::milliseconds(10);
constexpr std::uint32_t kOver = std::uint32_t{1} << 31;
/** Of the words that say why it is over. */
constexpr std::uint32_t kMostWords = 8192;

[[noreturn]] void lose(const std::string& why) { throw EngineError(ErrorCode::GroupLost, why); }

Descriptor open_pipe(const std::string& path, int how) {
  return Descriptor(open(path.c_str(), how | O_NONBLOCK | O_CLOEXEC));
}

Length length_of(std::uint32_t bytes) {
  Length length;
  for (int at = 0; at < 4; ++at) length[at] = static_cast<std::byte>(bytes >> (8 * at));
  return length;
}

std::uint32_t bytes_of(const Length& length) {
  std::uint32_t bytes = 0;
  for (int at = 0; at < 4; ++at) bytes |= static_cast<std::uint32_t>(length[at]) << (8 * at);
  return bytes;
}

}  // namespace

SideChannel::SideChannel(SideChannelOptions options, OnWait on_wait)
    : options_(std::move(options)), on_wait_(std::move(on_wait)) {
  down_ = open_pipe(options_.down, O_RDONLY);
  if (!down_) lose("the side channel's pipe can't be opened: " + system_error());
  open_up(Clock::now() + options_.open);
}

void SideChannel::open_up(Clock::time_point deadline) {
  for (;;) {
    up_ = open_pipe(options_.up, O_WRONLY);
    if (up_) return;
    // Nobody reads it yet.
    if (errno != ENXIO && errno != EINTR) lose("the side channel's pipe can't be opened: " + system_error());
    if (Clock::now() >= deadline) lose("its node did not open the side channel in time");
    on_wait_();
    poll(nullptr, 0, static_cast<int>(kRetry.count()));
  }
}

void SideChannel::all_gather(std::span<const std::byte> mine, std::span<std::byte> all) {
  const std::size_t whole = mine.size() * static_cast<std::size_t>(options_.size);
  if (mine.empty() || mine.size() > kMaxPart || all.size() != whole)
    throw EngineError(ErrorCode::BadArgument, "one round of the side channel takes 1 byte to 4 MiB of each rank");
  const Clock::time_point deadline = Clock::now() + options_.round;
  write(length_of(static_cast<std::uint32_t>(mine.size())), deadline);
  write(mine, deadline);
  Length length;
  read(length, deadline);
  const std::uint32_t bytes = bytes_of(length);
  if ((bytes & kOver) != 0) {
    std::string why(std::min(bytes & ~kOver, kMostWords), '\0');
    read(std::as_writable_bytes(std::span(why)), deadline);
    lose(why);
  }
  if (bytes != whole) lose("the side channel brought " + std::to_string(bytes) + " bytes instead of " + std::to_string(whole));
  read(all, deadline);
}

void SideChannel::write(std::span<const std::byte> bytes, Clock::time_point deadline) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(up_.number(), bytes.data(), bytes.size());
    if (written > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    } else if (written < 0 && errno == EPIPE) {
      // Said before it was closed.
      bytes = {};
    } else if (written < 0 && errno != EAGAIN && errno != EINTR) {
      lose("the side channel can't be written: " + system_error());
    } else {
      wait(up_, POLLOUT, deadline, "its node did not take what this rank said on the side channel");
    }
  }
}

void SideChannel::read(std::span<std::byte> bytes, Clock::time_point deadline) {
  while (!bytes.empty()) {
    const ssize_t taken = ::read(down_.number(), bytes.data(), bytes.size());
    if (taken > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(taken));
    } else if (taken == 0) {
      lose("its node closed the side channel");
    } else if (errno != EAGAIN && errno != EINTR) {
      lose("the side channel can't be read: " + system_error());
    } else {
      wait(down_, POLLIN, deadline, "the side channel did not bring what the other ranks said");
    }
  }
}

void SideChannel::wait(const Descriptor& pipe, short events, Clock::time_point deadline, const char* what) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  if (left.count() <= 0) lose(std::string(what) + " within " + std::to_string(options_.round.count()) + " ms");
  on_wait_();
  pollfd ready{pipe.number(), events, 0};
  poll(&ready, 1, static_cast<int>(std::min<std::chrono::milliseconds>(left, kSlice).count()));
}

}  // namespace skein
