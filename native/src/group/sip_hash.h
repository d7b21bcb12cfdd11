#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace skein {

using Secret = std::array<std::byte, 16>;
using Digest = std::array<std::byte, 16>;

/** SipHash-2-4 with 128 bits of output: a keyed digest of short messages (Aumasson and Bernstein, 2012). */
Digest sip_hash_128(const Secret& key, std::span<const std::byte> message);

/** Whether two digests are equal, in a time that does not depend on where they differ. */
bool equal(const Digest& left, const Digest& right);

}  // namespace skein
