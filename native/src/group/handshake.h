#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "sip_hash.h"
#include "socket.h"

namespace skein {

/** How a rank joins a group over TCP. */
struct TcpOptions {
  int rank;
  /** Of every rank, `ip:port` by rank; this one's own is where it listens unless it does so already. */
  std::vector<std::string> addresses;
  /** Of this attempt only; who does not know it is refused. */
  Secret secret;
  /** All ranks have joined within this time. */
  std::chrono::milliseconds join;
  /** A rank that says nothing for as long is lost; it says something five times as often. */
  std::chrono::milliseconds silence;
};

/**
 * A connection to every other rank, by rank (none at one's own), each proven in both directions to know the secret.
 * Strangers are turned away and joining goes on. Throws `GroupLost` naming who is missing when the time is over.
 * `listener` is closed in any case; without one, this rank listens at its own address.
 */
std::vector<Descriptor> join_mesh(const TcpOptions& options, Descriptor listener, const OnWait& on_wait);

}  // namespace skein
