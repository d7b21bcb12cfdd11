#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "command.h"
#include "thread_pool.h"

namespace skein::test {
namespace {

double cpu_milliseconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto milliseconds = [](const timeval& time) { return time.tv_sec * 1e3 + time.tv_usec / 1e3; };
  return milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime);
}

}  // namespace

/** `threads callers jobs chunks`: callers share one pool; counts chunks that did not run exactly once. */
void pool(std::istream& in, std::ostream& out) {
  int threads, callers, jobs, chunks;
  in >> threads >> callers >> jobs >> chunks;
  ThreadPool tested(threads);
  std::atomic<int> wrong{0};
  std::vector<std::thread> running;
  for (int caller = 0; caller < callers; caller++) {
    running.emplace_back([&] {
      for (int job = 0; job < jobs; job++) {
        std::vector<std::atomic<int>> runs(chunks);
        tested.run(chunks, [&](int chunk) { runs[chunk]++; });
        for (const auto& count : runs) wrong += count != 1;
      }
    });
  }
  for (auto& caller : running) caller.join();
  out << "{\"wrong\":" << wrong << ",\"threads\":" << tested.threads() << "}";
}

/** `threads milliseconds`: CPU time that a pool uses while it waits that long after a job. */
void idle(std::istream& in, std::ostream& out) {
  int threads, milliseconds;
  in >> threads >> milliseconds;
  ThreadPool tested(threads);
  tested.run(threads, [](int) {});
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const double before = cpu_milliseconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  out << "{\"cpuMilliseconds\":" << cpu_milliseconds() - before << "}";
}

}  // namespace skein::test
