#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace skein {

/**
 * Persistent threads for the CPU kernels: the caller and `threads() - 1` workers take chunks of one job at a time.
 * Workers spin briefly after a job, because the next one of the same token follows within microseconds, then block:
 * an idle pool uses no CPU time. A worker that the system does not schedule holds nobody up: the caller takes its
 * chunks.
 */
class ThreadPool {
 public:
  /** `threads` counts the caller, 1 to 64. */
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  /**
   * Calls `body(chunk)` once for each chunk in [0, chunks) and returns when all are done. `body` must not throw and
   * must not call `run`. Callable from any thread: while the pool serves another caller, the chunks run on this one.
   * Throws `std::invalid_argument` for more than 65535 chunks.
   */
  void run(int chunks, const std::function<void(int)>& body);

  /**
   * The process's pool, started at the first call and never torn down. Its size is `SKEIN_CPU_THREADS` (1 to 64;
   * anything else throws `std::invalid_argument`), else the physical cores this process may use, at most 4.
   */
  static ThreadPool& shared();

 private:
  bool take_chunk();
  void work();

  const int threads_;
  std::mutex caller_;
  const std::function<void(int)>* body_ = nullptr;
  /** From the high bits: job number (32), chunks of the job (16), next chunk to take (16); a compare-exchange takes it. */
  std::atomic<std::uint64_t> ticket_{0};
  std::atomic<std::uint32_t> finished_{0};
  std::atomic<std::uint32_t> signal_{0};
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> workers_;
};

}  // namespace skein
