#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "group.h"
#include "mlx/distributed/distributed.h"
#include "socket.h"

namespace skein {

/**
 * A group over one of MLX's own backends. They know no deadline: a lost or stopped rank may leave the others waiting for
 * ever, nobody else hears of an `abort`, and what a rank is lost to is not named. Whoever watches the engine from outside
 * must end the process then. One at a time in a process, because MLX keeps its backends.
 */
class MlxGroup final : public Group {
 public:
  /** `on_wait` is called at least every 100 ms while `await` waits, and by nothing else: the rest cannot be watched. */
  MlxGroup(mlx::core::distributed::Group group, OnWait on_wait);
  ~MlxGroup() override;

  int rank() const override { return group_->rank(); }
  int size() const override { return group_->size(); }
  void send(int to, std::span<const std::byte> message) override;
  Bytes receive(int from) override;
  bool await(int from, std::chrono::milliseconds time) override;
  std::vector<Bytes> all_gather(std::span<const std::byte> mine) override;
  mlx::core::array all_sum(const mlx::core::array& mine) override;
  void check() override;
  void abort(const std::string& why) override;

 private:
  mlx::core::array receive_bytes(int from, std::size_t size) const;
  /** Evaluates, and ends the group where that fails. */
  void evaluate(const mlx::core::array& wanted);

  std::optional<mlx::core::distributed::Group> group_;
  const OnWait on_wait_;
  /** The first part of a rank's next message, under way because somebody awaits it. */
  std::map<int, mlx::core::array> awaited_;
  std::mutex reason_mutex_;
  std::atomic<bool> lost_{false};
  std::string reason_;
};

}  // namespace skein
