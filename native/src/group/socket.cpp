#include "socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

#include "error.h"

namespace skein {
namespace {

#if defined(MSG_NOSIGNAL)
constexpr int kNoSignal = MSG_NOSIGNAL;
#else
constexpr int kNoSignal = 0;
#endif

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Addresses resolve(const std::string& address) {
  const auto refuse = [&] { throw EngineError(ErrorCode::BadArgument, "'" + address + "' is not an ip:port"); };
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) refuse();
  std::string host = address.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found) != 0) refuse();
  return {found, freeaddrinfo};
}

void set_option(const Descriptor& socket, int level, int name) {
  const int on = 1;
  setsockopt(socket.number(), level, name, &on, sizeof on);
}

/** Non-blocking, closed in children, small messages at once, a broken connection an error and no signal. */
void prepare(const Descriptor& socket) {
  fcntl(socket.number(), F_SETFL, fcntl(socket.number(), F_GETFL) | O_NONBLOCK);
  fcntl(socket.number(), F_SETFD, FD_CLOEXEC);
  set_option(socket, IPPROTO_TCP, TCP_NODELAY);
#if defined(SO_NOSIGPIPE)
  set_option(socket, SOL_SOCKET, SO_NOSIGPIPE);
#endif
}

/** Whether the socket is ready for `events` before the deadline. */
bool wait_for(const Descriptor& socket, short events, Clock::time_point deadline, const OnWait& on_wait) {
  for (;;) {
    on_wait();
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd ready{socket.number(), events, 0};
    if (poll(&ready, 1, static_cast<int>(std::min<long long>(left, 100))) > 0) return true;
  }
}

std::ptrdiff_t moved(std::ptrdiff_t result) {
  if (result > 0) return result;
  return result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? 0 : -1;
}

}  // namespace

void Descriptor::reset() {
  if (number_ >= 0) ::close(std::exchange(number_, -1));
}

std::string system_error() { return std::system_category().message(errno); }

Descriptor listen_at(const std::string& address) {
  const Addresses found = resolve(address);
  Descriptor listener(::socket(found->ai_family, SOCK_STREAM, 0));
  if (listener) {
    prepare(listener);
    set_option(listener, SOL_SOCKET, SO_REUSEADDR);
  }
  if (!listener || ::bind(listener.number(), found->ai_addr, found->ai_addrlen) != 0 ||
      ::listen(listener.number(), 16) != 0) {
    throw EngineError(ErrorCode::GroupLost, "cannot listen at " + address + ": " + system_error());
  }
  return listener;
}

int port_of(const Descriptor& listener) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  getsockname(listener.number(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

std::optional<Descriptor> accept_from(const Descriptor& listener, Clock::time_point deadline, const OnWait& on_wait) {
  while (wait_for(listener, POLLIN, deadline, on_wait)) {
    Descriptor accepted(::accept(listener.number(), nullptr, nullptr));
    if (!accepted) continue;
    prepare(accepted);
    return accepted;
  }
  return std::nullopt;
}

std::optional<Descriptor> connect_to(const std::string& address, Clock::time_point deadline, const OnWait& on_wait) {
  const Addresses found = resolve(address);
  Descriptor socket(::socket(found->ai_family, SOCK_STREAM, 0));
  if (!socket) return std::nullopt;
  prepare(socket);
  if (::connect(socket.number(), found->ai_addr, found->ai_addrlen) == 0) return socket;
  if (errno != EINPROGRESS || !wait_for(socket, POLLOUT, deadline, on_wait)) return std::nullopt;
  int failure = 0;
  socklen_t size = sizeof failure;
  if (getsockopt(socket.number(), SOL_SOCKET, SO_ERROR, &failure, &size) != 0 || failure != 0) return std::nullopt;
  return socket;
}

bool send_all(const Descriptor& socket, std::span<const std::byte> bytes, Clock::time_point deadline,
              const OnWait& on_wait) {
  while (!bytes.empty()) {
    const std::ptrdiff_t sent = send_some(socket, bytes);
    if (sent < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
    if (!bytes.empty() && !wait_for(socket, POLLOUT, deadline, on_wait)) return false;
  }
  return true;
}

bool receive_all(const Descriptor& socket, std::span<std::byte> bytes, Clock::time_point deadline,
                 const OnWait& on_wait) {
  while (!bytes.empty()) {
    if (!wait_for(socket, POLLIN, deadline, on_wait)) return false;
    const std::ptrdiff_t received = receive_some(socket, bytes);
    if (received < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(received));
  }
  return true;
}

std::ptrdiff_t send_some(const Descriptor& socket, std::span<const std::byte> bytes) {
  return moved(::send(socket.number(), bytes.data(), bytes.size(), kNoSignal));
}

std::ptrdiff_t receive_some(const Descriptor& socket, std::span<std::byte> bytes) {
  return moved(::recv(socket.number(), bytes.data(), bytes.size(), 0));
}

}  // namespace skein
