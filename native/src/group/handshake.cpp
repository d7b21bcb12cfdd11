#include "handshake.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <random>
#include <thread>

#include "error.h"

namespace skein {
namespace {

constexpr std::array<char, 8> kMagic{'S', 'k', 'e', 'i', 'n', 'G', 'r', '1'};
constexpr auto kRetry = std::chrono::milliseconds(50);
/** A stranger may hold up the acceptor for as long. */
constexpr auto kHelloTime = std::chrono::seconds(2);

/** Magic, rank and size as 4 bytes each from the lowest, nonce. */
using Hello = std::array<std::byte, 32>;

void store(int value, std::byte* out) {
  for (int i = 0; i < 4; i++) out[i] = static_cast<std::byte>(static_cast<std::uint32_t>(value) >> (8 * i));
}

std::uint32_t load(const std::byte* bytes) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; i++) value |= std::to_integer<std::uint32_t>(bytes[i]) << (8 * i);
  return value;
}

Hello make_hello(const TcpOptions& options) {
  Hello hello;
  std::memcpy(hello.data(), kMagic.data(), kMagic.size());
  store(options.rank, hello.data() + 8);
  store(static_cast<int>(options.addresses.size()), hello.data() + 12);
  std::random_device random;
  for (int at = 16; at < 32; at += 4) store(static_cast<int>(random()), hello.data() + at);
  return hello;
}

/** The rank that a hello claims; none when it is not of this kind of group. */
std::optional<int> claimed_rank(const Hello& hello, const TcpOptions& options) {
  const std::uint32_t size = static_cast<std::uint32_t>(options.addresses.size());
  const std::uint32_t rank = load(hello.data() + 8);
  if (std::memcmp(hello.data(), kMagic.data(), kMagic.size()) != 0 || load(hello.data() + 12) != size || rank >= size)
    return std::nullopt;
  return static_cast<int>(rank);
}

/** What `side` proves: another word for each side, so that nobody can send a proof back. */
Digest proof(char side, const Hello& connector, const Hello& acceptor, const Secret& secret) {
  std::array<std::byte, 1 + 2 * sizeof(Hello)> said;
  said[0] = static_cast<std::byte>(side);
  std::copy(connector.begin(), connector.end(), said.begin() + 1);
  std::copy(acceptor.begin(), acceptor.end(), said.begin() + 1 + sizeof(Hello));
  return sip_hash_128(secret, said);
}

std::optional<Descriptor> try_connect(const TcpOptions& options, int peer, Clock::time_point deadline,
                                      const OnWait& on_wait) {
  auto socket = connect_to(options.addresses[peer], deadline, on_wait);
  if (!socket) return std::nullopt;
  const Hello mine = make_hello(options);
  Hello theirs;
  Digest shown;
  if (!send_all(*socket, mine, deadline, on_wait) || !receive_all(*socket, theirs, deadline, on_wait) ||
      !receive_all(*socket, shown, deadline, on_wait) || claimed_rank(theirs, options) != peer ||
      !equal(shown, proof('A', mine, theirs, options.secret)) ||
      !send_all(*socket, proof('C', mine, theirs, options.secret), deadline, on_wait)) {
    return std::nullopt;
  }
  return socket;
}

/** The rank at the other end of an accepted connection; none for a stranger. */
std::optional<int> welcome(const TcpOptions& options, const Descriptor& socket, Clock::time_point deadline,
                           const OnWait& on_wait) {
  const auto until = std::min(deadline, Clock::now() + kHelloTime);
  Hello theirs;
  if (!receive_all(socket, theirs, until, on_wait)) return std::nullopt;
  const auto peer = claimed_rank(theirs, options);
  if (!peer || *peer <= options.rank) return std::nullopt;
  const Hello mine = make_hello(options);
  Digest shown;
  if (!send_all(socket, mine, until, on_wait) ||
      !send_all(socket, proof('A', theirs, mine, options.secret), until, on_wait) ||
      !receive_all(socket, shown, until, on_wait) || !equal(shown, proof('C', theirs, mine, options.secret))) {
    return std::nullopt;
  }
  return peer;
}

[[noreturn]] void refuse(const TcpOptions& options, int missing, int strangers) {
  std::string what = "rank " + std::to_string(missing) + " (" + options.addresses[missing] + ") did not join within " +
                     std::to_string(options.join.count()) + " ms";
  if (strangers > 0)
    what += "; " + std::to_string(strangers) + " connections that did not know the group's secret were refused";
  throw EngineError(ErrorCode::GroupLost, what);
}

}  // namespace

std::vector<Descriptor> join_mesh(const TcpOptions& options, Descriptor listener, const OnWait& on_wait) {
  const int size = static_cast<int>(options.addresses.size());
  const auto deadline = Clock::now() + options.join;
  std::vector<Descriptor> peers(size);
  if (!listener) listener = listen_at(options.addresses[options.rank]);
  for (int peer = 0; peer < options.rank; peer++) {
    while (!peers[peer]) {
      auto socket = try_connect(options, peer, deadline, on_wait);
      if (socket) {
        peers[peer] = std::move(*socket);
      } else if (Clock::now() + kRetry >= deadline) {
        refuse(options, peer, 0);
      } else {
        on_wait();
        std::this_thread::sleep_for(kRetry);
      }
    }
  }
  int strangers = 0;
  for (int missing = size - 1 - options.rank; missing > 0;) {
    auto socket = accept_from(listener, deadline, on_wait);
    if (!socket) {
      const auto first = std::find_if(peers.begin() + options.rank + 1, peers.end(), [](const auto& p) { return !p; });
      refuse(options, static_cast<int>(first - peers.begin()), strangers);
    }
    const auto peer = welcome(options, *socket, deadline, on_wait);
    if (peer && !peers[*peer]) {
      peers[*peer] = std::move(*socket);
      missing--;
    } else {
      strangers++;
    }
  }
  return peers;
}

}  // namespace skein
