#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace skein {

using Clock = std::chrono::steady_clock;

/** A file descriptor that is closed with its owner. */
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      reset();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }

  int number() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }
  void reset();

 private:
  int number_;
};

/** What `errno` says, in words. */
std::string system_error();

/** Asked at least every 100 ms while something waits; may throw to end the wait. */
using OnWait = std::function<void()>;

/** A listening socket at `ip:port` or `[ip6%scope]:port`. Throws `BadArgument`, or `GroupLost` when it is taken. */
Descriptor listen_at(const std::string& address);
/** The port of a listening socket. */
int port_of(const Descriptor& listener);
/** The next connection, non-blocking; none before the deadline: no value. */
std::optional<Descriptor> accept_from(const Descriptor& listener, Clock::time_point deadline, const OnWait& on_wait);
/** A connection, non-blocking; none when it is refused or the deadline passes. Throws `BadArgument`. */
std::optional<Descriptor> connect_to(const std::string& address, Clock::time_point deadline, const OnWait& on_wait);

/** Whether all bytes were sent before the deadline and the other's end. */
bool send_all(const Descriptor& socket, std::span<const std::byte> bytes, Clock::time_point deadline,
              const OnWait& on_wait);
/** Whether all bytes came before the deadline and the other's end. */
bool receive_all(const Descriptor& socket, std::span<std::byte> bytes, Clock::time_point deadline,
                 const OnWait& on_wait);

/** Bytes moved without waiting: 0 when none can be now, -1 when the connection is over. */
std::ptrdiff_t send_some(const Descriptor& socket, std::span<const std::byte> bytes);
std::ptrdiff_t receive_some(const Descriptor& socket, std::span<std::byte> bytes);

}  // namespace skein
