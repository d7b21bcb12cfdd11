#pragma once

#include <cstddef>
#include <cstdint>

/** GGML's block formats, converted without MLX. Sources are unaligned and already bounds-checked. */
namespace skein::block_format {

/** F32, F16 or BF16 (`gguf::type_number`) → fp32; `count` values. */
void to_float(std::uint32_t type, const std::uint8_t* source, std::size_t count, float* out);

/**
 * `count` blocks of 32 values of Q4_0, Q4_1 or Q8_0 → MLX's affine layout: 4 or 8 words of packed values, one scale and
 * one bias a block, so that value = scale · q + bias is exactly GGML's value. MLX packs values from the low bits up.
 */
void to_affine(std::uint32_t type, const std::uint8_t* source, std::size_t count, std::uint32_t* words, float* scales,
               float* biases);

}  // namespace skein::block_format
