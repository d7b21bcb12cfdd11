#include "self_test.h"

#include <cmath>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "mlx/ops.h"
#include "mlx/stream.h"
#include "mlx/transforms.h"
#include "quantized_linear.h"

namespace skein {
namespace mx = mlx::core;
namespace {

constexpr int kRows = 24;
constexpr int kColumns = 64;
constexpr int kGroup = 32;

/** Deterministic values in [-1, 1] with short mantissas, so that every implementation sums them alike. */
float sample(int index) { return static_cast<float>((index * 37 + 11) % 65 - 32) / 32.0f; }

std::vector<float> samples(int count, int from) {
  std::vector<float> values;
  for (int i = 0; i < count; i++) values.push_back(sample(from + i));
  return values;
}

void compare(const std::string& what, mx::array actual, const std::vector<float>& expected) {
  mx::eval(actual);
  if (actual.size() != expected.size()) throw std::runtime_error("self-test: " + what + " has a wrong shape");
  for (std::size_t i = 0; i < expected.size(); i++) {
    if (!(std::abs(actual.data<float>()[i] - expected[i]) <= 1e-3f)) {
      throw std::runtime_error("self-test: " + what + " gives " + std::to_string(actual.data<float>()[i]) + " where " +
                               std::to_string(expected[i]) + " is right");
    }
  }
}

/** x [rows × columns] · w [outputs × columns]ᵀ in plain loops. */
std::vector<float> product(const std::vector<float>& x, const std::vector<float>& w, int rows, int outputs) {
  std::vector<float> result;
  for (int r = 0; r < rows; r++) {
    for (int o = 0; o < outputs; o++) {
      float sum = 0;
      for (int c = 0; c < kColumns; c++) sum += x[r * kColumns + c] * w[o * kColumns + c];
      result.push_back(sum);
    }
  }
  return result;
}

void check_matmul() {
  const auto x = samples(kRows * kColumns, 0);
  const auto w = samples(kRows * kColumns, 5);
  const mx::array a(x.data(), {kRows, kColumns}, mx::float32);
  const mx::array b(w.data(), {kRows, kColumns}, mx::float32);
  compare("a matrix product through the BLAS", mx::matmul(a, mx::transpose(b)), product(x, w, kRows, kRows));
}

void check_quantized(int bits, int x_rows) {
  const int per_word = 32 / bits;
  std::vector<std::uint32_t> packed(kRows * kColumns / per_word, 0);
  std::vector<float> weight;
  const auto scales = samples(kRows * kColumns / kGroup, 3);
  const auto biases = samples(kRows * kColumns / kGroup, 9);
  for (int i = 0; i < kRows * kColumns; i++) {
    const std::uint32_t q = static_cast<std::uint32_t>(i * 7 + 3) % (1u << bits);
    packed[i / per_word] |= q << (i % per_word * bits);
    weight.push_back(scales[i / kGroup] * static_cast<float>(q) + biases[i / kGroup]);
  }
  const auto x = samples(x_rows * kColumns, 1);
  const mx::Shape groups{kRows, kColumns / kGroup};
  const auto actual = quantized_linear(mx::array(x.data(), {x_rows, kColumns}, mx::float32),
                                       mx::array(packed.data(), {kRows, kColumns / per_word}, mx::uint32),
                                       mx::array(scales.data(), groups, mx::float32),
                                       mx::array(biases.data(), groups, mx::float32), bits, kGroup);
  compare(std::to_string(bits) + "-bit product of " + std::to_string(x_rows) + " rows (" + kernel_name() + ")", actual,
          product(x, weight, x_rows, kRows));
}

}  // namespace

void run_self_test() {
  std::exception_ptr failure;
  // MLX's streams belong to threads: a thread of its own leaves nothing behind on the caller's.
  std::thread([&failure] {
    try {
      check_matmul();
      for (const int bits : {4, 8}) {
        for (const int rows : {1, 3, kRows}) check_quantized(bits, rows);
      }
    } catch (...) {
      failure = std::current_exception();
    }
    mx::clear_streams();
  }).join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace skein
