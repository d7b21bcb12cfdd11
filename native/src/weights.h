#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gguf.h"
#include "mlx/array.h"

namespace skein {

/** A matrix [rows × columns] as MLX holds it: quantised (affine, groups of 32), or dense fp32 when `scales` is empty. */
struct Matrix {
  mlx::core::array weight;
  std::optional<mlx::core::array> scales;
  std::optional<mlx::core::array> biases;
  /** 4 or 8; 32 when dense. */
  int bits;
};

/** x [… × columns] · matrixᵀ → [… × rows]. Lazy. */
mlx::core::array linear(const mlx::core::array& x, const Matrix& matrix);

/** Rows of the matrix by index, dequantised: [indices × columns] fp32. Lazy. */
mlx::core::array take_rows(const Matrix& matrix, const mlx::core::array& indices);

/**
 * Turns tensors of a GGUF file into evaluated MLX arrays, one at a time and straight from the mapping into their final
 * buffers, so that loading holds one copy of the model. The mapping exactly: Q4_0 → 4 bits, scale d, bias -8 d;
 * Q4_1 → 4 bits, scale d, bias m; Q8_0 → 8 bits shifted by 128, scale d, bias -128 d; F16 and BF16 → fp32.
 */
class WeightLoader {
 public:
  /** `progressed` is called after every piece of a tensor, a few MiB at most, and may stop the loading by its throw. */
  WeightLoader(const gguf::File& file, std::function<void()> progressed)
      : file_(file), progressed_(std::move(progressed)) {}

  /** Throws `BadModel` when absent or of another shape, `UnsupportedTensorType` when of a type that is not loadable. */
  Matrix matrix(const std::string& name, int rows, int columns);
  /** A vector as fp32. */
  mlx::core::array vector(const std::string& name, int size);

  /** Bytes of all arrays made so far. */
  std::size_t bytes() const { return bytes_; }

 private:
  const gguf::Tensor& tensor(const std::string& name, const std::vector<std::int64_t>& shape) const;
  mlx::core::array dense(const gguf::Tensor& source);
  Matrix quantized(const gguf::Tensor& source, int rows, int columns);
  /** Calls `convert(begin, count)` for one piece of [0, blocks) after the other. */
  template <typename Convert>
  void in_pieces(std::size_t blocks, Convert convert) const;

  const gguf::File& file_;
  const std::function<void()> progressed_;
  std::size_t bytes_ = 0;
};

}  // namespace skein
