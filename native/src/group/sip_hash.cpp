#include "sip_hash.h"

#include <bit>
#include <cstdint>

namespace skein {
namespace {

std::uint64_t little_endian(const std::byte* bytes, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; i++) value |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  return value;
}

struct State {
  std::uint64_t v0, v1, v2, v3;

  void rounds(int count) {
    for (int i = 0; i < count; i++) {
      v0 += v1;
      v1 = std::rotl(v1, 13) ^ v0;
      v0 = std::rotl(v0, 32);
      v2 += v3;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 += v3;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 += v1;
      v1 = std::rotl(v1, 17) ^ v2;
      v2 = std::rotl(v2, 32);
    }
  }

  void word(std::uint64_t message) {
    v3 ^= message;
    rounds(2);
    v0 ^= message;
  }

  std::uint64_t output() const { return v0 ^ v1 ^ v2 ^ v3; }
};

void store(std::uint64_t value, std::byte* out) {
  for (int i = 0; i < 8; i++) out[i] = static_cast<std::byte>(value >> (8 * i));
}

}  // namespace

Digest sip_hash_128(const Secret& key, std::span<const std::byte> message) {
  const std::uint64_t k0 = little_endian(key.data(), 8);
  const std::uint64_t k1 = little_endian(key.data() + 8, 8);
  State state{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d ^ 0xee, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573};
  const std::size_t whole = message.size() / 8 * 8;
  for (std::size_t at = 0; at < whole; at += 8) state.word(little_endian(message.data() + at, 8));
  state.word(little_endian(message.data() + whole, message.size() - whole) |
             static_cast<std::uint64_t>(message.size()) << 56);

  Digest digest;
  state.v2 ^= 0xee;
  state.rounds(4);
  store(state.output(), digest.data());
  state.v1 ^= 0xdd;
  state.rounds(4);
  store(state.output(), digest.data() + 8);
  return digest;
}

bool equal(const Digest& left, const Digest& right) {
  std::byte difference{0};
  for (std::size_t i = 0; i < left.size(); i++) difference |= left[i] ^ right[i];
  return difference == std::byte{0};
}

}  // namespace skein
