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
void WeightLoader::in_pieces(const Part& part, Convert convert) const {
  const bool whole_rows = part.columns.size() == part.stride;
  const std::size_t runs = whole_rows ? 1 : part.rows.size();
  const std::size_t run = part.blocks() / std::max<std::size_t>(runs, 1);
  std::size_t since_progress = 0;
  for (std::size_t each = 0; each < runs; each++) {
    const std::size_t from = (part.rows.begin + each) * part.stride + part.columns.begin;
    for (std::size_t begin = 0; begin < run; begin += kPieceBlocks) {
      const std::size_t count = std::min(kPieceBlocks, run - begin);
      convert(from + begin, each * run + begin, count);
      since_progress += count;
      if (since_progress < kPieceBlocks && each + 1 < runs) continue;
      since_progress = 0;
      progressed_();
    }
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

Matrix WeightLoader::matrix(const std::string& name, int rows, int columns, Range own_rows, Range own_columns) {
  const gguf::Tensor& source = tensor(name, {rows, columns});
  if (source.type.values == 1) {
    const Part part{own_rows, own_columns, columns};
    return {dense(source, part, {own_rows.size(), own_columns.size()}), std::nullopt, std::nullopt, 32};
  }
  if (own_columns.begin % kGroupSize != 0 || own_columns.end % kGroupSize != 0) {
    throw EngineError(ErrorCode::BadArgument, file_.mapped().path() + ": " + name +
                                                  " cannot be cut for so many ranks: a slice of its columns does not "
                                                  "divide by " +
                                                  std::to_string(kGroupSize));
  }
  return quantized(source, {own_rows, {own_columns.begin / kGroupSize, own_columns.end / kGroupSize}, columns / kGroupSize});
}

mx::array WeightLoader::vector(const std::string& name, int size) {
  const gguf::Tensor& source = tensor(name, {size});
  if (source.type.values != 1) {
    throw EngineError(ErrorCode::UnsupportedTensorType, file_.mapped().path() + ": vector " + name + " is " +
                                                            gguf::type_name(source.type) +
                                                            "; only F32, F16 and BF16 vectors are read");
  }
  return dense(source, {{0, 1}, {0, size}, size}, {size});
}

mx::array WeightLoader::dense(const gguf::Tensor& source, const Part& part, mx::Shape shape) {
  const std::uint8_t* bytes = file_.mapped().data() + source.offset;
  auto result = filled<float>(std::move(shape), mx::float32, [&](float* out) {
    in_pieces(part, [&](std::size_t from, std::size_t to, std::size_t count) {
      block_format::to_float(source.type.number, bytes + from * source.type.bytes, count, out + to);
    });
  });
  bytes_ += result.nbytes();
  file_.mapped().release(source.offset, source.bytes);
  return result;
}

Matrix WeightLoader::quantized(const gguf::Tensor& source, const Part& part) {
  const int bits = source.type.number == gguf::type_number::Q8_0 ? 8 : 4;
  const int rows = part.rows.size();
  const int groups = part.columns.size();
  const std::uint8_t* blocks = file_.mapped().data() + source.offset;
  float* scales = nullptr;
  float* biases = nullptr;
  auto scale_array = filled<float>({rows, groups}, mx::float32, [&](float* out) { scales = out; });
  auto bias_array = filled<float>({rows, groups}, mx::float32, [&](float* out) { biases = out; });
  auto weight_array = filled<std::uint32_t>({rows, groups * bits}, mx::uint32, [&](std::uint32_t* out) {
    in_pieces(part, [&](std::size_t from, std::size_t to, std::size_t count) {
      block_format::to_affine(source.type.number, blocks + from * source.type.bytes, count, out + to * bits, scales + to,
                              biases + to);
    });
  });
  bytes_ += weight_array.nbytes() + scale_array.nbytes() + bias_array.nbytes();
  file_.mapped().release(source.offset, source.bytes);
  return {std::move(weight_array), std::move(scale_array), std::move(bias_array), bits};
}

}  // namespace skein
