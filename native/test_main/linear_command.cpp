#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "command.h"
#include "mlx/mlx.h"
#include "quantized_linear.h"

namespace skein::test {
namespace {

namespace mx = mlx::core;

struct Matrix {
  std::vector<std::uint32_t> weight;
  std::vector<float> scales;
  std::vector<float> biases;
};

Matrix random_matrix(int rows, int columns, int bits, std::mt19937& random) {
  Matrix matrix;
  std::uniform_real_distribution<float> real(0.5f, 1.5f);
  matrix.weight.resize(static_cast<std::size_t>(rows) * columns * bits / 32);
  for (auto& word : matrix.weight) word = static_cast<std::uint32_t>(random());
  matrix.scales.resize(static_cast<std::size_t>(rows) * columns / 32);
  matrix.biases.resize(matrix.scales.size());
  const float levels = static_cast<float>((1 << bits) - 1);
  for (auto& scale : matrix.scales) scale = real(random) / levels;
  for (auto& bias : matrix.biases) bias = -0.5f * real(random);
  return matrix;
}

std::vector<float> random_values(std::size_t size, std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<float> values(size);
  for (auto& value : values) value = normal(random);
  return values;
}

mx::array upload(const std::vector<float>& values, mx::Shape shape) {
  return mx::array(values.data(), shape, mx::float32);
}

struct Uploaded {
  mx::array weight;
  mx::array scales;
  mx::array biases;
};

Uploaded upload(const Matrix& matrix, int rows, int columns, int bits) {
  return {mx::array(matrix.weight.data(), {rows, columns * bits / 32}, mx::uint32),
          upload(matrix.scales, {rows, columns / 32}), upload(matrix.biases, {rows, columns / 32})};
}

}  // namespace

/** `bits rows columns x_rows layout seed`; layout is plain, transposed, sliced or broadcast. Gives the largest error
 *  against double arithmetic as a fraction of the sum of magnitudes, and the same for MLX's own operation. */
void linear(std::istream& in, std::ostream& out) {
  int bits, rows, columns, x_rows;
  std::string layout;
  unsigned seed;
  in >> bits >> rows >> columns >> x_rows >> layout >> seed;
  std::mt19937 random(seed);
  const auto matrix = random_matrix(rows, columns, bits, random);
  const auto w = upload(matrix, rows, columns, bits);
  auto x = upload(random_values(static_cast<std::size_t>(x_rows) * columns, random), {x_rows, columns});
  if (layout == "transposed") x = mx::transpose(mx::contiguous(mx::transpose(x)));
  if (layout == "sliced") {
    const auto wide = mx::concatenate({x, x}, 1);
    x = mx::slice(wide, {0, 0}, {x_rows, columns});
  }
  if (layout == "broadcast") x = mx::broadcast_to(mx::slice(x, {0, 0}, {1, columns}), {x_rows, columns});
  auto y = quantized_linear(x, w.weight, w.scales, w.biases, bits, 32);
  auto own = mx::quantized_matmul(x, w.weight, w.scales, w.biases, true, 32, bits);
  auto flat = mx::contiguous(x);
  mx::eval({y, own, flat});
  double worst = 0;
  double worst_own = 0;
  for (int r = 0; r < x_rows; r++) {
    for (int n = 0; n < rows; n++) {
      double sum = 0;
      double magnitude = 1e-30;
      for (int k = 0; k < columns; k++) {
        const auto at = static_cast<std::size_t>(n) * columns + k;
        const int q = matrix.weight[at * bits / 32] >> (at * bits % 32) & ((1 << bits) - 1);
        const double scaled = static_cast<double>(matrix.scales[at / 32]) * q;
        const double bias = matrix.biases[at / 32];
        const double value = flat.data<float>()[static_cast<std::size_t>(r) * columns + k];
        sum += (scaled + bias) * value;
        magnitude += (std::abs(scaled) + std::abs(bias)) * std::abs(value);
      }
      const auto at = static_cast<std::size_t>(r) * rows + n;
      // Written so that a NaN counts as infinitely wrong.
      const auto error = [&](float got) {
        const double fraction = std::abs(got - sum) / magnitude;
        return fraction >= 0 ? fraction : INFINITY;
      };
      worst = std::max(worst, std::min(error(y.data<float>()[at]), 1e9));
      worst_own = std::max(worst_own, std::min(error(own.data<float>()[at]), 1e9));
    }
  }
  out << "{\"error\":" << worst << ",\"mlxError\":" << worst_own << ",\"kernel\":\"" << kernel_name()
      << "\",\"threads\":" << kernel_threads() << ",\"shape\":[" << y.shape(0) << "," << y.shape(1) << "]}";
}

/** `m n k transpose_a transpose_b seed`: MLX's matmul against double arithmetic, and whose cblas_sgemm it found. */
void matmul(std::istream& in, std::ostream& out) {
  int m, n, k, transpose_a, transpose_b;
  unsigned seed;
  in >> m >> n >> k >> transpose_a >> transpose_b >> seed;
  std::mt19937 random(seed);
  const auto a_values = random_values(static_cast<std::size_t>(m) * k, random);
  const auto b_values = random_values(static_cast<std::size_t>(k) * n, random);
  const auto a = transpose_a ? mx::transpose(upload(a_values, {k, m})) : upload(a_values, {m, k});
  const auto b = transpose_b ? mx::transpose(upload(b_values, {n, k})) : upload(b_values, {k, n});
  auto c = mx::matmul(a, b);
  c.eval();
  double worst = 0;
  for (int i = 0; i < m; i++) {
    for (int j = 0; j < n; j++) {
      double sum = 0;
      for (int l = 0; l < k; l++) {
        const double left = a_values[transpose_a ? l * m + i : i * k + l];
        const double right = b_values[transpose_b ? j * k + l : l * n + j];
        sum += left * right;
      }
      const double error = std::abs(c.data<float>()[static_cast<std::size_t>(i) * n + j] - sum);
      worst = error >= 0 ? std::max(worst, error) : 1e9;
    }
  }
  Dl_info info{};
  const char* owner = dladdr(dlsym(RTLD_DEFAULT, "cblas_sgemm"), &info) != 0 ? info.dli_fname : "";
  out << "{\"error\":" << worst / std::sqrt(k) << ",\"owner\":\"" << owner << "\"}";
}

/** `bits rows columns x_rows seconds`: microseconds per call and the rate at which weights pass, in GB/s. */
void linear_cost(std::istream& in, std::ostream& out) {
  int bits, rows, columns, x_rows;
  double seconds;
  in >> bits >> rows >> columns >> x_rows >> seconds;
  std::mt19937 random(1);
  const auto w = upload(random_matrix(rows, columns, bits, random), rows, columns, bits);
  const auto x = upload(random_values(static_cast<std::size_t>(x_rows) * columns, random), {x_rows, columns});
  mx::eval({x, w.weight, w.scales, w.biases});
  const auto once = [&] { quantized_linear(x, w.weight, w.scales, w.biases, bits, 32).eval(); };
  once();
  using clock = std::chrono::steady_clock;
  double best = 1e30;
  for (const auto end = clock::now() + std::chrono::duration<double>(seconds); clock::now() < end;) {
    const auto start = clock::now();
    once();
    best = std::min(best, std::chrono::duration<double, std::micro>(clock::now() - start).count());
  }
  const double bytes = static_cast<double>(rows) * columns * (bits / 8.0 + 8.0 / 32);
  const double flops = 2.0 * rows * columns * x_rows;
  out << "{\"microseconds\":" << best << ",\"gigabytesPerSecond\":" << bytes / best / 1e3
      << ",\"gigaflops\":" << flops / best / 1e3 << "}";
}

}  // namespace skein::test
