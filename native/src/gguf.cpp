#include "gguf.h"

#include <bit>
#include <cstring>
#include <limits>

#include "error.h"

namespace skein::gguf {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF files are read in place, little-endian");

constexpr std::uint64_t kMaxKeyBytes = 65535;
constexpr std::uint64_t kMaxNameBytes = 255;
constexpr int kMaxDimensions = 4;
constexpr int kMaxArrayDepth = 4;
/** All array elements of one header together: 16 times the largest vocabularies of today. */
constexpr std::uint64_t kMaxArrayElements = std::uint64_t{1} << 22;
constexpr std::uint64_t kMaxMetadataEntries = 65536;
constexpr std::uint64_t kDefaultAlignment = 32;
constexpr std::uint64_t kMaxAlignment = std::uint64_t{1} << 20;
/** Smallest encodings, to check a count against what is left of the file: an entry of metadata, of the tensor table. */
constexpr std::uint64_t kMinMetadataBytes = 8 + 1 + 4 + 1;
constexpr std::uint64_t kMinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;

enum ValueType : std::uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, String, ArrayType, U64, I64, F64 };

/** Bytes that one element of the type takes at least. */
std::uint64_t min_bytes(std::uint32_t type) {
  switch (type) {
    case U8:
    case I8:
    case Bool: return 1;
    case U16:
    case I16: return 2;
    case U32:
    case I32:
    case F32: return 4;
    case U64:
    case I64:
    case F64:
    case String: return 8;
    case ArrayType: return 12;
    default: return 0;
  }
}

class Reader {
 public:
  explicit Reader(const MappedFile& file) : file_(file) {}

  std::uint64_t position() const { return position_; }
  std::uint64_t left() const { return file_.size() - position_; }

  [[noreturn]] void refuse(const std::string& item, const std::string& what, std::uint64_t at) const {
    throw EngineError(ErrorCode::BadModel, file_.path() + ": " + item + " at byte " + std::to_string(at) + ": " + what);
  }

  template <typename T>
  T scalar(const std::string& item) {
    if (left() < sizeof(T)) refuse(item, "the file ends here", position_);
    T value;
    std::memcpy(&value, file_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  std::string_view string(const std::string& item, std::uint64_t limit) {
    const std::uint64_t at = position_;
    const auto length = scalar<std::uint64_t>(item);
    if (length > left()) {
      refuse(item, "a string of " + std::to_string(length) + " bytes reaches past the end of the file", at);
    }
    if (length > limit) {
      refuse(item,
             "a string of " + std::to_string(length) + " bytes; at most " + std::to_string(limit) + " are allowed", at);
    }
    const std::string_view text(reinterpret_cast<const char*>(file_.data()) + position_, length);
    position_ += length;
    return text;
  }

  bool boolean(const std::string& item) {
    const std::uint64_t at = position_;
    const auto byte = scalar<std::uint8_t>(item);
    if (byte > 1) refuse(item, "a boolean is " + std::to_string(byte) + ", not 0 or 1", at);
    return byte == 1;
  }

  Value value(std::uint32_t type, const std::string& item, int depth) {
    switch (type) {
      case U8: return {std::uint64_t{scalar<std::uint8_t>(item)}};
      case I8: return {std::int64_t{scalar<std::int8_t>(item)}};
      case U16: return {std::uint64_t{scalar<std::uint16_t>(item)}};
      case I16: return {std::int64_t{scalar<std::int16_t>(item)}};
      case U32: return {std::uint64_t{scalar<std::uint32_t>(item)}};
      case I32: return {std::int64_t{scalar<std::int32_t>(item)}};
      case U64: return {scalar<std::uint64_t>(item)};
      case I64: return {scalar<std::int64_t>(item)};
      case F32: return {double{scalar<float>(item)}};
      case F64: return {scalar<double>(item)};
      case Bool: return {boolean(item)};
      case String: return {string(item, std::numeric_limits<std::uint64_t>::max())};
      case ArrayType: return array(item, depth);
      default: refuse(item, "unknown value type " + std::to_string(type), position_);
    }
  }

 private:
  Value array(const std::string& item, int depth) {
    const std::uint64_t at = position_;
    if (depth >= kMaxArrayDepth)
      refuse(item, "arrays are nested more than " + std::to_string(kMaxArrayDepth) + " deep", at);
    const auto type = scalar<std::uint32_t>(item);
    const auto count = scalar<std::uint64_t>(item);
    const std::uint64_t element_bytes = min_bytes(type);
    if (element_bytes == 0) refuse(item, "unknown array element type " + std::to_string(type), at);
    if (count > left() / element_bytes) {
      refuse(item, "an array of " + std::to_string(count) + " elements reaches past the end of the file", at);
    }
    if (count > kMaxArrayElements - array_elements_) {
      refuse(item, "arrays of more than " + std::to_string(kMaxArrayElements) + " elements in one header", at);
    }
    array_elements_ += count;
    Array elements;
    elements.reserve(count);
    for (std::uint64_t i = 0; i < count; i++) elements.push_back(value(type, item, depth + 1));
    return {std::move(elements)};
  }

  const MappedFile& file_;
  std::uint64_t position_ = 0;
  std::uint64_t array_elements_ = 0;
};

/** A name for messages: cut and made printable, since it comes from the file. */
std::string quoted(std::string_view text) {
  std::string result;
  for (const char c : text.substr(0, 80)) result += c >= 0x20 && c < 0x7f ? c : '?';
  return text.size() > 80 ? result + "…" : result;
}

std::uint64_t alignment_of(const File& file, const Reader& reader) {
  const Value* value = file.find("general.alignment");
  if (value == nullptr) return kDefaultAlignment;
  const auto* number = std::get_if<std::uint64_t>(&value->data);
  if (number == nullptr || !std::has_single_bit(*number) || *number > kMaxAlignment) {
    reader.refuse("general.alignment", "not a power of two up to " + std::to_string(kMaxAlignment), 0);
  }
  return *number;
}

/** Reads one row of the tensor table. `offset` is still relative to the data section. */
Tensor read_tensor(Reader& reader, std::uint64_t index) {
  Tensor tensor{};
  const std::uint64_t at = reader.position();
  const std::string number = "tensor " + std::to_string(index);
  tensor.name = reader.string(number + " name", kMaxNameBytes);
  if (tensor.name.empty()) reader.refuse(number, "the name is empty", at);
  const std::string item = "tensor " + quoted(tensor.name);
  const auto dimensions = reader.scalar<std::uint32_t>(item);
  if (dimensions < 1 || dimensions > kMaxDimensions) {
    reader.refuse(item, std::to_string(dimensions) + " dimensions, not 1 to " + std::to_string(kMaxDimensions), at);
  }
  std::uint64_t elements = 1;
  tensor.shape.resize(dimensions);
  for (std::uint32_t i = 0; i < dimensions; i++) {
    const auto size = reader.scalar<std::uint64_t>(item);
    if (size < 1 || size > std::numeric_limits<std::int32_t>::max()) {
      reader.refuse(item, "dimension " + std::to_string(i) + " is " + std::to_string(size), at);
    }
    if (elements > std::numeric_limits<std::uint64_t>::max() / 8 / size) {
      reader.refuse(item, "the shape has more elements than can be counted", at);
    }
    elements *= size;
    tensor.shape[dimensions - 1 - i] = static_cast<std::int64_t>(size);
  }
  tensor.type = tensor_type(reader.scalar<std::uint32_t>(item));
  tensor.offset = reader.scalar<std::uint64_t>(item);
  if (tensor.type.name != nullptr) {
    const auto row = static_cast<std::uint64_t>(tensor.shape.back());
    if (row % tensor.type.values != 0) {
      reader.refuse(item, "rows of " + std::to_string(row) + " are not whole blocks of " + tensor.type.name, at);
    }
    // At most 2⁶¹ elements: blocks are longer than a byte an element only for types of 4 or 8 bytes.
    const std::uint64_t blocks = elements / tensor.type.values;
    if (blocks > std::numeric_limits<std::uint64_t>::max() / tensor.type.bytes) {
      reader.refuse(item, "the shape has more bytes than can be counted", at);
    }
    tensor.bytes = blocks * tensor.type.bytes;
  }
  return tensor;
}

}  // namespace

File::File(const std::string& path) : mapped_(path) { read(); }

void File::read() {
  Reader reader(mapped_);
  if (reader.left() < 4 || std::memcmp(mapped_.data(), "GGUF", 4) != 0) {
    reader.refuse("magic", "this is not a GGUF file", 0);
  }
  reader.scalar<std::uint32_t>("magic");
  version_ = reader.scalar<std::uint32_t>("version");
  if (version_ != 2 && version_ != 3) {
    const bool swapped = (version_ & 0xffff) == 0 && version_ != 0;
    reader.refuse("version",
                  swapped ? "a big-endian GGUF; only little-endian files are read"
                          : "GGUF version " + std::to_string(version_) + "; versions 2 and 3 are read",
                  4);
  }
  const auto tensor_count = reader.scalar<std::uint64_t>("tensor count");
  const auto entry_count = reader.scalar<std::uint64_t>("metadata count");
  if (tensor_count > reader.left() / kMinTensorBytes) {
    reader.refuse("tensor count", std::to_string(tensor_count) + " tensors reach past the end of the file", 8);
  }
  if (entry_count > kMaxMetadataEntries || entry_count > reader.left() / kMinMetadataBytes) {
    reader.refuse("metadata count", std::to_string(entry_count) + " entries are more than the file can hold", 16);
  }

  for (std::uint64_t i = 0; i < entry_count; i++) {
    const std::uint64_t at = reader.position();
    const std::string_view key = reader.string("metadata key " + std::to_string(i), kMaxKeyBytes);
    if (key.empty()) reader.refuse("metadata key " + std::to_string(i), "the key is empty", at);
    const std::string item = "metadata " + quoted(key);
    if (!key_index_.emplace(key, metadata_.size()).second) reader.refuse(item, "the key appears twice", at);
    const auto type = reader.scalar<std::uint32_t>(item);
    metadata_.emplace_back(key, reader.value(type, item, 0));
  }

  for (std::uint64_t i = 0; i < tensor_count; i++) {
    const std::uint64_t at = reader.position();
    Tensor tensor = read_tensor(reader, i);
    if (!tensor_index_.emplace(tensor.name, tensors_.size()).second) {
      reader.refuse("tensor " + quoted(tensor.name), "the name appears twice", at);
    }
    tensors_.push_back(std::move(tensor));
  }

  const std::uint64_t alignment = alignment_of(*this, reader);
  const std::uint64_t start = (reader.position() + alignment - 1) / alignment * alignment;
  for (auto& tensor : tensors_) {
    const std::string item = "tensor " + quoted(tensor.name);
    if (tensor.offset % alignment != 0) {
      reader.refuse(item, "its data is not aligned to " + std::to_string(alignment) + " bytes", tensor.offset);
    }
    if (start > mapped_.size() || tensor.offset > mapped_.size() - start ||
        tensor.bytes > mapped_.size() - start - tensor.offset) {
      reader.refuse(item,
                    std::to_string(tensor.bytes) + " bytes of data reach past the end of the file of " +
                        std::to_string(mapped_.size()) + " bytes",
                    tensor.offset);
    }
    tensor.offset += start;
  }
}

const Value* File::find(std::string_view key) const {
  const auto found = key_index_.find(key);
  return found == key_index_.end() ? nullptr : &metadata_[found->second].second;
}

const Tensor* File::find_tensor(std::string_view name) const {
  const auto found = tensor_index_.find(name);
  return found == tensor_index_.end() ? nullptr : &tensors_[found->second];
}

}  // namespace skein::gguf
