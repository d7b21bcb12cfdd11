#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace skein {

static_assert(std::endian::native == std::endian::little, "messages between ranks are little-endian");

/** Puts numbers and lists of them one behind the other. */
class ByteWriter {
 public:
  template <typename T>
  void put(const T& value) {
    static_assert(std::is_arithmetic_v<T>);
    const auto* from = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), from, from + sizeof(T));
  }

  template <typename T>
  void put_list(std::span<const T> values) {
    put(static_cast<std::uint32_t>(values.size()));
    const auto raw = std::as_bytes(values);
    bytes_.insert(bytes_.end(), raw.begin(), raw.end());
  }

  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

/** Takes them out again; throws `std::runtime_error` where the bytes end too early or too late. */
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : rest_(bytes) {}

  template <typename T>
  T get() {
    static_assert(std::is_arithmetic_v<T>);
    T value;
    std::memcpy(&value, piece(sizeof(T)).data(), sizeof(T));
    return value;
  }

  template <typename T>
  std::vector<T> list() {
    const auto raw = piece(std::size_t{get<std::uint32_t>()} * sizeof(T));
    std::vector<T> values(raw.size() / sizeof(T));
    if (!values.empty()) std::memcpy(values.data(), raw.data(), raw.size());
    return values;
  }

  /** How many of something follow, each at least `least` bytes long. */
  std::uint32_t count(std::size_t least) {
    const auto value = get<std::uint32_t>();
    if (value > rest_.size() / least) damaged();
    return value;
  }

  void end() const {
    if (!rest_.empty()) damaged();
  }

 private:
  [[noreturn]] static void damaged() { throw std::runtime_error("a rank sent a damaged message"); }

  std::span<const std::byte> piece(std::size_t size) {
    if (size > rest_.size()) damaged();
    const auto result = rest_.first(size);
    rest_ = rest_.subspan(size);
    return result;
  }

  std::span<const std::byte> rest_;
};

}  // namespace skein
