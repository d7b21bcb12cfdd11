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

/** A part of a matrix's rows or columns: [begin, end). */
struct Range {
  int begin;
  int end;
  int size() const { return end - begin; }
};

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
  Matrix matrix(const std::string& name, int rows, int columns) {
    return matrix(name, rows, columns, {0, rows}, {0, columns});
  }
  /** A part of it; throws `BadArgument` where quantised columns are not cut between groups of 32. */
  Matrix matrix(const std::string& name, int rows, int columns, Range own_rows, Range own_columns);
  /** A vector as fp32. */
  mlx::core::array vector(const std::string& name, int size);

  /** Bytes of all arrays made so far. */
  std::size_t bytes() const { return bytes_; }

 private:
  const gguf::Tensor& tensor(const std::string& name, const std::vector<std::int64_t>& shape) const;
  /** A part of a tensor in blocks of its type: `rows` runs of `columns`, from rows that are `stride` blocks long. */
  struct Part {
    Range rows;
    Range columns;
    int stride;
    std::size_t blocks() const { return static_cast<std::size_t>(rows.size()) * columns.size(); }
  };

  mlx::core::array dense(const gguf::Tensor& source, const Part& part, mlx::core::Shape shape);
  Matrix quantized(const gguf::Tensor& source, const Part& part);
  /** Calls `convert(from, to, count)` for one piece after the other: block `from` of the tensor is `to` of the part. */
  template <typename Convert>
  void in_pieces(const Part& part, Convert convert) const;

  const gguf::File& file_;
  const std::function<void()> progressed_;
  std::size_t bytes_ = 0;
};

}  // namespace skein
