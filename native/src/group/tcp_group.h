#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "group.h"
#include "handshake.h"

namespace skein {

/**
 * A full mesh of TCP connections. Frames are `[u64 LE length][bytes]`; length 0 says only that the sender lives, and a
 * set highest bit that it leaves, because of the rank in the lowest bits. Who waits keeps the other connections alive;
 * while the engine computes a thread does. Waiting sleeps in `poll`, so that more ranks than cores are no harm.
 */
class TcpGroup final : public Group {
 public:
  /** Joins; `on_wait` is called at least every 100 ms of any wait, on the thread that waits. Throws as `join_mesh`. */
  TcpGroup(const TcpOptions& options, Descriptor listener, const OnWait& on_joining, OnWait on_wait);
  ~TcpGroup() override;

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(peers_.size()); }
  void send(int to, std::span<const std::byte> message) override;
  Bytes receive(int from) override;
  bool await(int from, std::chrono::milliseconds time) override;
  std::vector<Bytes> all_gather(std::span<const std::byte> mine) override;
  mlx::core::array all_sum(const mlx::core::array& mine) override;
  void check() override;
  void abort(const std::string& why) override;

 private:
  using Header = std::array<std::byte, 8>;

  struct Peer {
    Descriptor socket;
    Clock::time_point heard;
    Header header{};
    std::size_t header_bytes = 0;
    /** Length of a message whose header has come and whose bytes have not been taken. */
    std::optional<std::uint64_t> announced{};
    /** Rest of a frame without a message. */
    std::deque<std::byte> unsent{};
    /** A message is partly sent: nothing may come between. */
    bool in_message = false;
  };
  struct Outgoing {
    int peer;
    Header header;
    std::span<const std::byte> message;
    std::size_t sent = 0;
    bool done() const { return sent == header.size() + message.size(); }
  };
  struct Incoming {
    int peer;
    Bytes message{};
    bool begun = false;
    std::size_t received = 0;
    bool done() const { return begun && received == message.size(); }
  };

  static Header frame(std::uint64_t length);
  Outgoing outgoing(int to, std::span<const std::byte> message) const;
  std::vector<Bytes> exchange(std::span<const std::byte> mine);

  void transfer(std::vector<Outgoing> out, std::vector<Incoming>& in);
  bool push(Outgoing& out);
  bool pull(Incoming& in);
  void flush(int peer);
  void read_header(int peer);
  void tick();
  bool sleep(const std::vector<short>& events, std::chrono::milliseconds time);
  void keep_alive();

  void lose_connection(int peer);
  void lose(int peer, const std::string& why);
  bool lost() const { return lost_; }
  void throw_if_lost();
  void leave();

  const int rank_;
  const std::chrono::milliseconds silence_;
  const OnWait on_wait_;
  Descriptor wake_read_;
  Descriptor wake_write_;

  /** Held by whoever moves bytes. */
  std::mutex io_mutex_;
  std::vector<Peer> peers_;
  Clock::time_point next_tick_;
  bool left_ = false;

  std::atomic<bool> lost_{false};
  std::atomic<bool> ending_{false};
  std::mutex reason_mutex_;
  std::string reason_;
  int lost_rank_ = 0;

  std::thread life_;
};

}  // namespace skein
