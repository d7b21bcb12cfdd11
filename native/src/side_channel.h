#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "group/socket.h"

namespace skein {

/** How a rank reaches the others before their group exists: through its node, over two named pipes. */
struct SideChannelOptions {
  int rank;
  /** Of the group. */
  int size;
  /** What this rank writes and its node reads. */
  std::string up;
  /** What its node writes and this rank reads. */
  std::string down;
  /** The node has opened its ends within this time. */
  std::chrono::milliseconds open;
  /** One round, from this rank's bytes to everybody's. */
  std::chrono::milliseconds round;
};

/**
 * The all-gather that MLX needs to bring up RDMA, and its node's relay does the work. Frames are `[u32 LE length][bytes]`; one up
 * and one down are a round. A set highest bit of a length from the node says that the bytes are why the channel is over.
 * One thread, which waits in here; `on_wait` is called at least every 100 ms of any wait and may throw to end it.
 */
class SideChannel {
 public:
  /** Opens both pipes. Throws `GroupLost` when the node is not there in time. */
  SideChannel(SideChannelOptions options, OnWait on_wait);

  /** `mine`, 1 to `kMaxPart` bytes and as many on every rank, to `all`: everybody's by rank. Throws `GroupLost`, `BadArgument`. */
  void all_gather(std::span<const std::byte> mine, std::span<std::byte> all);

  int size() const { return options_.size; }

  static constexpr std::size_t kMaxPart = std::size_t{4} << 20;

 private:
  void open_up(Clock::time_point deadline);
  void write(std::span<const std::byte> bytes, Clock::time_point deadline);
  void read(std::span<std::byte> bytes, Clock::time_point deadline);
  void wait(const Descriptor& pipe, short events, Clock::time_point deadline, const char* what);

  const SideChannelOptions options_;
  const OnWait on_wait_;
  Descriptor up_;
  Descriptor down_;
};

}  // namespace skein
