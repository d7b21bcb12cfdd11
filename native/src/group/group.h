#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "mlx/array.h"

namespace skein {

using Bytes = std::vector<std::byte>;

/**
 * The ranks of one Instance, joined for one attempt. It is never repaired: once a rank is lost, every operation on
 * every rank throws `EngineError{GroupLost}` that says which rank and why, within the group's silence limit.
 * A slow rank is not a lost one: a rank says that it lives while it computes. Operations belong to the engine thread;
 * `abort` may come from any.
 */
class Group : public std::enable_shared_from_this<Group> {
 public:
  virtual ~Group() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  /** One message to another rank, 0 to `kMaxMessage` bytes. Messages between two ranks keep their order. */
  virtual void send(int to, std::span<const std::byte> message) = 0;
  /** The next message of a rank. */
  virtual Bytes receive(int from) = 0;
  /** Whether a message of that rank can be received now; waits for it as long as this. */
  virtual bool await(int from, std::chrono::milliseconds time) = 0;
  /** Everybody's bytes by rank; all ranks give equally many. */
  virtual std::vector<Bytes> all_gather(std::span<const std::byte> mine) = 0;
  /**
   * The sum of everybody's fp32 arrays of one shape, the same on all ranks to the last bit. Lazy, on the CPU's stream;
   * every rank must evaluate its sums in the same order. It cannot throw: ask `check` when it has been evaluated.
   */
  virtual mlx::core::array all_sum(const mlx::core::array& mine) = 0;

  /** Throws when a rank is known to be lost or the group was aborted. */
  virtual void check() = 0;
  /** Ends the group on all ranks; whoever waits in it is woken. May be called any number of times. */
  virtual void abort(const std::string& why) = 0;

  static constexpr std::size_t kMaxMessage = std::size_t{1} << 30;
};

}  // namespace skein
