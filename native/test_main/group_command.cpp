#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <iomanip>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>

#include "command.h"
#include "joined.h"
#include "error.h"
#include "group/tcp_group.h"
#include "mlx/ops.h"
#include "mlx/transforms.h"

namespace skein::test {
namespace {
namespace mx = mlx::core;

Group& group() {
  if (!joined()) throw std::logic_error("not in a group");
  return *joined();
}

std::byte pattern(std::size_t index, int seed) {
  return static_cast<std::byte>(index * 31 + static_cast<std::size_t>(seed) * 7 + (index >> 8));
}

Bytes filled(std::size_t size, int seed) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; i++) bytes[i] = pattern(i, seed);
  return bytes;
}

Bytes from_hex(const std::string& text) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return bytes;
}

}  // namespace

std::shared_ptr<Group>& joined() {
  static std::shared_ptr<Group> group;
  return group;
}

/** `rank joinMs silenceMs secret address…` */
void join(std::istream& in, std::ostream& out) {
  TcpOptions options{};
  int join_ms, silence_ms;
  std::string secret;
  in >> options.rank >> join_ms >> silence_ms >> secret;
  options.join = std::chrono::milliseconds(join_ms);
  options.silence = std::chrono::milliseconds(silence_ms);
  const Bytes bytes = from_hex(secret);
  std::copy(bytes.begin(), bytes.end(), options.secret.begin());
  for (std::string address; in >> address;) options.addresses.push_back(address);
  joined().reset();
  joined() = std::make_shared<TcpGroup>(options, Descriptor(), [] {}, [] {});
  out << "{\"rank\":" << group().rank() << ",\"size\":" << group().size() << "}";
}

/** `to bytes seed count`: that many messages. */
void send(std::istream& in, std::ostream& out) {
  int to, seed, count;
  std::size_t bytes;
  in >> to >> bytes >> seed >> count;
  for (int i = 0; i < count; i++) group().send(to, filled(bytes, seed + i));
  out << "{}";
}

/** `from bytes seed count`: counts messages that are not what `send` with the same words sends. */
void receive(std::istream& in, std::ostream& out) {
  int from, seed, count;
  std::size_t bytes;
  in >> from >> bytes >> seed >> count;
  int wrong = 0;
  for (int i = 0; i < count; i++) wrong += group().receive(from) != filled(bytes, seed + i);
  out << "{\"wrong\":" << wrong << "}";
}

/** `bytes rounds`: gathers what depends on rank and round; counts what is wrong, and the microseconds of a round. */
void gather(std::istream& in, std::ostream& out) {
  std::size_t bytes;
  int rounds;
  in >> bytes >> rounds;
  int wrong = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int round = 0; round < rounds; round++) {
    const auto all = group().all_gather(filled(bytes, group().rank() + round));
    for (int rank = 0; rank < group().size(); rank++) wrong += all[rank] != filled(bytes, rank + round);
  }
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - begin;
  out << "{\"wrong\":" << wrong << ",\"microseconds\":" << time.count() / rounds << "}";
}

/** `values rounds`: sums in one lazy chain; whether all ranks have the same bits, and the microseconds of a round. */
void sum(std::istream& in, std::ostream& out) {
  int values, rounds;
  in >> values >> rounds;
  const auto mine = mx::divide(mx::arange(0, values, mx::float32), mx::array(3.0f + static_cast<float>(group().rank())));
  mx::array total = mine;
  for (int i = 0; i < rounds; i++) total = mx::multiply(group().all_sum(mx::add(total, mine)), mx::array(0.25f));
  const auto begin = std::chrono::steady_clock::now();
  mx::eval(total);
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - begin;
  group().check();
  std::uint64_t hash = 0;
  const auto* data = total.data<float>();
  for (int i = 0; i < values; i++) hash = hash * 1099511628211u + std::bit_cast<std::uint32_t>(data[i]);
  out << "{\"hash\":\"" << hash << "\",\"last\":" << data[values - 1]
      << ",\"microseconds\":" << time.count() / rounds << "}";
}

/** `from milliseconds` */
void await(std::istream& in, std::ostream& out) {
  int from, milliseconds;
  in >> from >> milliseconds;
  out << "{\"came\":" << (group().await(from, std::chrono::milliseconds(milliseconds)) ? "true" : "false") << "}";
}

/** Whether the group is whole; else a failure says why. */
void check(std::istream&, std::ostream& out) {
  group().check();
  out << "{}";
}

void abort(std::istream&, std::ostream& out) {
  group().abort("the test wants so");
  out << "{}";
}

/** `key message` in hexadecimal. */
void sip_hash(std::istream& in, std::ostream& out) {
  std::string key_text, message;
  in >> key_text >> message;
  Secret key{};
  const Bytes bytes = from_hex(key_text);
  std::copy(bytes.begin(), bytes.end(), key.begin());
  std::ostringstream text;
  for (const std::byte each : sip_hash_128(key, from_hex(message)))
    text << std::hex << std::setw(2) << std::setfill('0') << std::to_integer<int>(each);
  out << "{\"digest\":\"" << text.str() << "\"}";
}

}  // namespace skein::test
