#include "block_format.h"

#include <bit>
#include <cstring>

#include "error.h"
#include "gguf_types.h"

namespace skein::block_format {
namespace {

std::uint16_t half_bits(const std::uint8_t* source) {
  std::uint16_t bits;
  std::memcpy(&bits, source, sizeof(bits));
  return bits;
}

/** IEEE 754 binary16 → binary32, subnormals, infinities and NaNs included. */
float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t magnitude = half & 0x7fffu;
  // Scaling by 2^112 moves the exponent's bias from 15 to 127 and normalises subnormals on the way.
  const float scaled = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
  const std::uint32_t bits =
      magnitude >= 0x7c00u ? (magnitude << 13) | 0x7f800000u : std::bit_cast<std::uint32_t>(scaled);
  return std::bit_cast<float>(bits | sign);
}

/** One nibble of each of 8 bytes, first byte lowest. */
std::uint32_t pack_nibbles(const std::uint8_t* bytes, int shift) {
  std::uint32_t word = 0;
  for (int i = 0; i < 8; i++) word |= static_cast<std::uint32_t>((bytes[i] >> shift) & 0xf) << (4 * i);
  return word;
}

/** GGML keeps value i in the low and value i + 16 in the high half of byte i. */
void nibbles_to_words(const std::uint8_t* bytes, std::uint32_t* words) {
  words[0] = pack_nibbles(bytes, 0);
  words[1] = pack_nibbles(bytes + 8, 0);
  words[2] = pack_nibbles(bytes, 4);
  words[3] = pack_nibbles(bytes + 8, 4);
}

}  // namespace

void to_float(std::uint32_t type, const std::uint8_t* source, std::size_t count, float* out) {
  switch (type) {
    case gguf::type_number::F32: std::memcpy(out, source, count * sizeof(float)); return;
    case gguf::type_number::F16:
      for (std::size_t i = 0; i < count; i++) out[i] = half_to_float(half_bits(source + 2 * i));
      return;
    case gguf::type_number::BF16:
      for (std::size_t i = 0; i < count; i++) {
        out[i] = std::bit_cast<float>(static_cast<std::uint32_t>(half_bits(source + 2 * i)) << 16);
      }
      return;
    default:
      throw EngineError(ErrorCode::UnsupportedTensorType,
                        gguf::type_name(gguf::tensor_type(type)) + " is not a dense type");
  }
}

void to_affine(std::uint32_t type, const std::uint8_t* source, std::size_t count, std::uint32_t* words, float* scales,
               float* biases) {
  switch (type) {
    case gguf::type_number::Q4_0:
      for (std::size_t i = 0; i < count; i++, source += 18, words += 4) {
        scales[i] = half_to_float(half_bits(source));
        biases[i] = -8.0f * scales[i];
        nibbles_to_words(source + 2, words);
      }
      return;
    case gguf::type_number::Q4_1:
      for (std::size_t i = 0; i < count; i++, source += 20, words += 4) {
        scales[i] = half_to_float(half_bits(source));
        biases[i] = half_to_float(half_bits(source + 2));
        nibbles_to_words(source + 4, words);
      }
      return;
    case gguf::type_number::Q8_0:
      for (std::size_t i = 0; i < count; i++, source += 34, words += 8) {
        scales[i] = half_to_float(half_bits(source));
        biases[i] = -128.0f * scales[i];
        std::memcpy(words, source + 2, 32);
        for (int w = 0; w < 8; w++) words[w] ^= 0x80808080u;
      }
      return;
    default:
      throw EngineError(ErrorCode::UnsupportedTensorType,
                        gguf::type_name(gguf::tensor_type(type)) + " is not a quantised type with an affine form");
  }
}

}  // namespace skein::block_format
