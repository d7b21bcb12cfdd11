#pragma once

#include <cstdint>
#include <string>

namespace skein::gguf {

/** How GGML stores a tensor: `bytes` for each run of `values` values along the fastest dimension. */
struct TensorType {
  std::uint32_t number;
  /** Null for a number this table does not know. */
  const char* name;
  std::uint32_t values;
  std::uint32_t bytes;
  /** Whether `weights.cpp` turns it into MLX arrays. */
  bool loadable;
};

/** Never fails: an unknown number gets a null name and sizes of 0. Source: ggml.h and ggml-common.h of llama.cpp. */
TensorType tensor_type(std::uint32_t number);

/** `Q4_1`, or `type 99` for an unknown number. */
std::string type_name(const TensorType& type);

/** Names of the loadable types, comma-separated, for messages. */
std::string loadable_type_names();

namespace type_number {
constexpr std::uint32_t F32 = 0;
constexpr std::uint32_t F16 = 1;
constexpr std::uint32_t Q4_0 = 2;
constexpr std::uint32_t Q4_1 = 3;
constexpr std::uint32_t Q8_0 = 8;
constexpr std::uint32_t BF16 = 30;
}  // namespace type_number

}  // namespace skein::gguf
