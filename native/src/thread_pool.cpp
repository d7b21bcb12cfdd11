#include "thread_pool.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#if defined(__linux__)
#include <sched.h>
#endif

namespace skein {
namespace {

constexpr int kMaxThreads = 64;
constexpr int kDefaultMaxThreads = 4;
constexpr int kMaxChunks = 0xffff;
constexpr auto kSpin = std::chrono::microseconds(60);

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/** Spins while `value` is `old`, at most `kSpin`. */
void spin(const std::atomic<std::uint32_t>& value, std::uint32_t old) {
  const auto deadline = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; i++) {
      if (value.load(std::memory_order_acquire) != old) return;
      relax();
    }
  } while (std::chrono::steady_clock::now() < deadline);
}

int usable_physical_cores() {
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) {
    std::set<std::string> cores;
    int logical = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
      if (!CPU_ISSET(cpu, &allowed)) continue;
      logical++;
      std::ifstream siblings("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
      std::string line;
      if (std::getline(siblings, line)) cores.insert(line);
    }
    return cores.empty() ? std::max(logical, 1) : static_cast<int>(cores.size());
  }
#endif
  return std::max(static_cast<int>(std::thread::hardware_concurrency()), 1);
}

int configured_threads() {
  const char* text = std::getenv("SKEIN_CPU_THREADS");
  if (text == nullptr || *text == '\0') return std::min(usable_physical_cores(), kDefaultMaxThreads);
  int threads = 0;
  const char* end = text + std::strlen(text);
  const auto parsed = std::from_chars(text, end, threads);
  if (parsed.ec != std::errc() || parsed.ptr != end || threads < 1 || threads > kMaxThreads) {
    throw std::invalid_argument("SKEIN_CPU_THREADS is '" + std::string(text) + "'; give a whole number from 1 to 64");
  }
  return threads;
}

std::uint64_t next_job(std::uint64_t ticket, int chunks) {
  const std::uint64_t job = (ticket >> 32) + 1;
  return job << 32 | static_cast<std::uint64_t>(chunks) << 16;
}

}  // namespace

ThreadPool::ThreadPool(int threads) : threads_(threads) {
  if (threads < 1 || threads > kMaxThreads) throw std::invalid_argument("a thread pool has 1 to 64 threads");
  for (int i = 1; i < threads; i++) workers_.emplace_back([this] { work(); });
}

ThreadPool::~ThreadPool() {
  stopping_.store(true, std::memory_order_release);
  signal_.fetch_add(1, std::memory_order_acq_rel);
  signal_.notify_all();
  for (auto& worker : workers_) worker.join();
}

ThreadPool& ThreadPool::shared() {
  // Never destroyed: a kernel may still run on an engine thread while the process exits.
  static ThreadPool* pool = new ThreadPool(configured_threads());
  return *pool;
}

bool ThreadPool::take_chunk() {
  std::uint64_t ticket = ticket_.load(std::memory_order_acquire);
  int chunk;
  int chunks;
  do {
    chunks = static_cast<int>(ticket >> 16 & 0xffff);
    chunk = static_cast<int>(ticket & 0xffff);
    if (chunk >= chunks) return false;
  } while (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel));
  // The job cannot end before this chunk does, so `body_` is still its body.
  (*body_)(chunk);
  const std::uint32_t finished = finished_.fetch_add(1, std::memory_order_acq_rel) + 1;
  if (finished == static_cast<std::uint32_t>(chunks)) finished_.notify_all();
  return true;
}

void ThreadPool::work() {
  for (;;) {
    const std::uint32_t signal = signal_.load(std::memory_order_acquire);
    if (stopping_.load(std::memory_order_acquire)) return;
    while (take_chunk()) {
    }
    spin(signal_, signal);
    signal_.wait(signal, std::memory_order_acquire);
  }
}

void ThreadPool::run(int chunks, const std::function<void(int)>& body) {
  if (chunks > kMaxChunks) throw std::invalid_argument("a job of a thread pool has at most 65535 chunks");
  std::unique_lock<std::mutex> lock(caller_, std::defer_lock);
  if (chunks <= 1 || threads_ == 1 || !lock.try_lock()) {
    for (int chunk = 0; chunk < chunks; chunk++) body(chunk);
    return;
  }
  body_ = &body;
  finished_.store(0, std::memory_order_relaxed);
  ticket_.store(next_job(ticket_.load(std::memory_order_relaxed), chunks), std::memory_order_release);
  signal_.fetch_add(1, std::memory_order_acq_rel);
  signal_.notify_all();
  while (take_chunk()) {
  }
  for (auto done = finished_.load(std::memory_order_acquire); done != static_cast<std::uint32_t>(chunks);
       done = finished_.load(std::memory_order_acquire)) {
    spin(finished_, done);
    finished_.wait(done, std::memory_order_acquire);
  }
}

}  // namespace skein
