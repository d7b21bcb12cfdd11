// MLX's own ring, to be measured and tested beside the group that Skein uses (ARCHITECTURE, "Ranks").
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>

#include "command.h"
#include "group/mlx_group.h"
#include "joined.h"

namespace skein::test {

/** As `join`; the times and the secret mean nothing to it. */
void join_ring(std::istream& in, std::ostream& out) {
  std::string rank, ignored, hosts;
  in >> rank >> ignored >> ignored >> ignored;
  for (std::string address; in >> address;) hosts += (hosts.empty() ? "[\"" : ",[\"") + address + "\"]";
  const std::string file = "/tmp/skein-ring-" + std::to_string(getpid()) + ".json";
  std::ofstream(file) << "[" << hosts << "]";
  setenv("MLX_RANK", rank.c_str(), 1);
  setenv("MLX_HOSTFILE", file.c_str(), 1);
  joined().reset();
  try {
    joined() = std::make_shared<MlxGroup>(mlx::core::distributed::init(true, "ring"), [] {});
  } catch (...) {
    unlink(file.c_str());
    throw;
  }
  unlink(file.c_str());
  out << "{\"rank\":" << joined()->rank() << ",\"size\":" << joined()->size() << "}";
}

}  // namespace skein::test
