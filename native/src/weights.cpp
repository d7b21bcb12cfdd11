#include "weights.h"

#include <algorithm>
#include <cstring>

#include "block_format.h"
#include "error.h"
#include "mlx/allocator.h"
#include "mlx/ops.h"
#include "quantized_linear.h"

namespace skein {
namespace mx = mlx::core;
namespace {

constexpr int kGroupSize = 32;
/** Blocks between two signs of progress: 1 to 9 MiB, which a slow disk still reads within a second. */
constexpr std::size_t kPieceBlocks = 256 * 1024;

/** An evaluated array over a fresh buffer that `fill` writes. */
template <typename T, typename Fill>
mx::array filled(mx::Shape shape, mx::Dtype type, Fill fill) {
  std::size_t elements = 1;
  for (const auto size : shape) elements *= static_cast<std::size_t>(size);
  auto data = mx::allocator::malloc(elements * sizeof(T));
  mx::allocator::Buffer buffer = data.buffer();
  fill(static_cast<T*>(buffer.raw_ptr()));
  return mx::array(std::move(data), std::move(shape), type);
}

}  // namespace

mx::array linear(const mx::array& x, const Matrix& matrix) {
  if (!matrix.scales) return mx::matmul(x, mx::transpose(matrix.weight));
  return quantized_linear(x, matrix.weight, *matrix.scales, *matrix.biases, matrix.bits, kGroupSize);
}

mx::array take_rows(const Matrix& matrix, const mx::array& indices) {
  const auto rows = mx::take(matrix.weight, indices, 0);
  if (!matrix.scales) return rows;
  return mx::dequantize(rows, mx::take(*matrix.scales, indices, 0), mx::take(*matrix.biases, indices, 0), kGroupSize,
                        matrix.bits);
}

template <typename Convert>
void WeightLoader::in_pieces(std::size_t blocks, Convert convert) const {
  for (std::size_t begin = 0; begin < blocks; begin += kPieceBlocks) {
    convert(begin, std::min(kPieceBlocks, blocks - begin));
    progressed_();
  }
}

const gguf::Tensor& WeightLoader::tensor(const std::string& name, const std::vector<std::int64_t>& shape) const {
  const std::string& path = file_.mapped().path();
  const gguf::Tensor* found = file_.find_tensor(name);
  if (found == nullptr) throw EngineError(ErrorCode::BadModel, path + ": tensor " + name + " is missing");
  if (found->shape != shape) {
    const auto text = [](const std::vector<std::int64_t>& sizes) {
      std::string result;
      for (const auto size : sizes) result += (result.empty() ? "" : " × ") + std::to_string(size);
      return result;
    };
    throw EngineError(ErrorCode::BadModel,
                      path + ": tensor " + name + " is " + text(found->shape) + ", expected " + text(shape));
  }
  if (!found->type.loadable) {
    throw EngineError(ErrorCode::UnsupportedTensorType, path + ": tensor " + name + " is " +
                                                            gguf::type_name(found->type) + "; this build reads " +
                                                            gguf::loadable_type_names());
  }
  return *found;
}

Matrix WeightLoader::matrix(const std::string& name, int rows, int columns) {
  const gguf::Tensor& source = tensor(name, {rows, columns});
  if (source.type.values == 1) return {dense(source), std::nullopt, std::nullopt, 32};
  return quantized(source, rows, columns);
}

mx::array WeightLoader::vector(const std::string& name, int size) {
  const gguf::Tensor& source = tensor(name, {size});
  if (source.type.values != 1) {
    throw EngineError(ErrorCode::UnsupportedTensorType, file_.mapped().path() + ": vector " + name + " is " +
                                                            gguf::type_name(source.type) +
                                                            "; only F32, F16 and BF16 vectors are read");
  }
  return dense(source);
}

mx::array WeightLoader::dense(const gguf::Tensor& source) {
  mx::Shape shape(source.shape.begin(), source.shape.end());
  const std::uint8_t* bytes = file_.mapped().data() + source.offset;
  auto result = filled<float>(std::move(shape), mx::float32, [&](float* out) {
    in_pieces(source.bytes / source.type.bytes, [&](std::size_t begin, std::size_t count) {
      block_format::to_float(source.type.number, bytes + begin * source.type.bytes, count, out + begin);
    });
  });
  bytes_ += result.nbytes();
  file_.mapped().release(source.offset, source.bytes);
  return result;
}

Matrix WeightLoader::quantized(const gguf::Tensor& source, int rows, int columns) {
  const int bits = source.type.number == gguf::type_number::Q8_0 ? 8 : 4;
  const int groups = columns / kGroupSize;
  const std::uint8_t* blocks = file_.mapped().data() + source.offset;
  const std::size_t count = static_cast<std::size_t>(rows) * groups;
  float* scales = nullptr;
  float* biases = nullptr;
  auto scale_array = filled<float>({rows, groups}, mx::float32, [&](float* out) { scales = out; });
  auto bias_array = filled<float>({rows, groups}, mx::float32, [&](float* out) { biases = out; });
  auto weight_array = filled<std::uint32_t>({rows, groups * bits}, mx::uint32, [&](std::uint32_t* out) {
    in_pieces(count, [&](std::size_t begin, std::size_t piece) {
      block_format::to_affine(source.type.number, blocks + begin * source.type.bytes, piece, out + begin * bits,
                              scales + begin, biases + begin);
    });
  });
  bytes_ += weight_array.nbytes() + scale_array.nbytes() + bias_array.nbytes();
  file_.mapped().release(source.offset, source.bytes);
  return {std::move(weight_array), std::move(scale_array), std::move(bias_array), bits};
}

}  // namespace skein
