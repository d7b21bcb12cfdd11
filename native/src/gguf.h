#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "gguf_types.h"
#include "mapped_file.h"

namespace skein::gguf {

struct Value;
using Array = std::vector<Value>;

/** A metadata value. Strings point into the mapped file. */
struct Value {
  std::variant<std::uint64_t, std::int64_t, double, bool, std::string_view, Array> data;
};

struct Tensor {
  std::string_view name;
  TensorType type;
  /** Slowest dimension first: a matrix is {rows, columns}. 1 to 4 dimensions, each 1 to 2³¹ - 1. */
  std::vector<std::int64_t> shape;
  /** Absolute position in the file; `[offset, offset + bytes)` lies inside it. */
  std::uint64_t offset;
  /** 0 when the type is unknown. */
  std::uint64_t bytes;
};

/**
 * The header of a GGUF file, version 2 or 3, little-endian, over a mapping that lives as long as this object.
 * Everything is checked against the file's size before it is used or allocated for: a hostile file gets
 * `EngineError{BadModel}` that names the item and its byte offset. Source: docs/gguf.md of ggml.
 */
class File {
 public:
  explicit File(const std::string& path);

  std::uint32_t version() const { return version_; }
  /** In file order, keys unique. */
  const std::vector<std::pair<std::string_view, Value>>& metadata() const { return metadata_; }
  /** In file order, names unique. */
  const std::vector<Tensor>& tensors() const { return tensors_; }
  const MappedFile& mapped() const { return mapped_; }

  /** Null when absent. */
  const Value* find(std::string_view key) const;
  const Tensor* find_tensor(std::string_view name) const;

 private:
  void read();

  MappedFile mapped_;
  std::uint32_t version_ = 0;
  std::vector<std::pair<std::string_view, Value>> metadata_;
  std::vector<Tensor> tensors_;
  std::unordered_map<std::string_view, std::size_t> key_index_;
  std::unordered_map<std::string_view, std::size_t> tensor_index_;
};

}  // namespace skein::gguf
