// Drives the native parts that have no JavaScript seam. One command per line on stdin, one JSON object per line on
// stdout; an exception becomes {"failure": …}. test/native/support holds the other end.
#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

#include "command.h"

namespace skein::test {
namespace {

int run() {
  const std::map<std::string, std::function<void(std::istream&, std::ostream&)>> commands{
      {"linear", linear},
      {"linear_cost", linear_cost},
      {"matmul", matmul},
      {"elementwise", elementwise},
      {"attention", attention},
      {"attention_together", attention_together},
      {"attention_limits", attention_limits},
      {"pool", pool},
      {"idle", idle},
      {"sample", sample},
      {"sample_cost", sample_cost},
      {"join", join},
      {"join_ring", join_ring},
      {"send", send},
      {"receive", receive},
      {"gather", gather},
      {"sum", sum},
      {"await", await},
      {"check", check},
      {"abort", abort},
      {"schedule", schedule},
      {"sip_hash", sip_hash},
  };
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream in(line);
    std::string name;
    in >> name;
    std::ostringstream out;
    out.precision(9);
    try {
      commands.at(name)(in, out);
      std::cout << out.str() << std::endl;
    } catch (const std::exception& error) {
      std::cout << "{\"failure\":\"" << error.what() << "\"}" << std::endl;
    }
  }
  return 0;
}

}  // namespace
}  // namespace skein::test

int main() { return skein::test::run(); }
