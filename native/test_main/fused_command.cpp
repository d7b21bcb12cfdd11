#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "command.h"
#include "fused.h"
#include "mlx/fast.h"
#include "mlx/mlx.h"

namespace skein::test {
namespace {

namespace mx = mlx::core;

mx::array random_array(mx::Shape shape, float spread, std::mt19937& random) {
  std::normal_distribution<float> normal(0, spread);
  std::size_t size = 1;
  for (const auto axis : shape) size *= static_cast<std::size_t>(axis);
  std::vector<float> values(size);
  for (auto& value : values) value = normal(random);
  return mx::array(values.data(), shape, mx::float32);
}

/** Largest difference; a NaN counts as 1e9. */
double difference(const mx::array& a, const mx::array& b) {
  const mx::array left = mx::contiguous(a);
  const mx::array right = mx::contiguous(b);
  mx::eval({left, right});
  double worst = left.shape() == right.shape() ? 0 : 1e9;
  for (std::size_t i = 0; worst < 1e9 && i < left.size(); i++) {
    const double error = std::abs(static_cast<double>(left.data<float>()[i]) - right.data<float>()[i]);
    worst = error >= 0 ? std::max(worst, std::min(error, 1e9)) : 1e9;
  }
  return worst;
}

}  // namespace

/** `rows columns spread seed`: largest difference from MLX's rms_norm, and from its silu times up. */
void elementwise(std::istream& in, std::ostream& out) {
  int rows, columns;
  float spread;
  unsigned seed;
  in >> rows >> columns >> spread >> seed;
  std::mt19937 random(seed);
  const auto x = random_array({rows, columns}, spread, random);
  const auto up = random_array({rows, columns}, 1, random);
  const auto weight = random_array({columns}, 1, random);
  const auto view = mx::transpose(mx::contiguous(mx::transpose(x)));
  out << "{\"rmsNorm\":" << difference(fused::rms_norm(x, weight, 1e-5f), mx::fast::rms_norm(x, weight, 1e-5f))
      << ",\"swiglu\":"
      << difference(fused::swiglu(x, up), mx::multiply(mx::multiply(x, mx::sigmoid(x)), up)) / std::max(spread, 1.0f)
      << ",\"view\":" << difference(fused::rms_norm(view, weight, 1e-5f), fused::rms_norm(x, weight, 1e-5f)) << "}";
}

/**
 * `heads kv_heads head_size capacity seed rows…`: attends with one cache to as many rows at a time as given, and
 * compares with MLX's rope and attention over all of them at once. Also whether the caches stayed where they were.
 */
void attention(std::istream& in, std::ostream& out) {
  int heads, kv_heads, head_size, capacity;
  unsigned seed;
  in >> heads >> kv_heads >> head_size >> capacity >> seed;
  std::mt19937 random(seed);
  std::vector<float> wavelengths;
  for (int i = 0; i < head_size; i += 2) wavelengths.push_back(std::pow(10000.0f, static_cast<float>(i) / head_size));
  const auto split = [&](const mx::array& rows, int count) {
    return mx::transpose(mx::reshape(rows, {1, rows.shape(0), count, head_size}), {0, 2, 1, 3});
  };
  const mx::Shape cache_shape{1, kv_heads, capacity, head_size};
  mx::array keys = mx::zeros(cache_shape, mx::float32);
  mx::array values = mx::zeros(cache_shape, mx::float32);
  mx::eval({keys, values});
  const float* place = keys.data<float>();
  std::vector<mx::array> queries, all_keys, all_values, outputs;
  int position = 0;
  bool in_place = true;
  for (int rows; in >> rows; position += rows) {
    const auto query = random_array({rows, heads * head_size}, 2, random);
    const auto key = random_array({rows, kv_heads * head_size}, 2, random);
    const auto value = random_array({rows, kv_heads * head_size}, 1, random);
    const auto angles = fused::rope_angles(wavelengths, 0.5f, position, rows);
    keys = fused::store_rows(keys, key, angles, position);
    values = fused::store_rows(values, value, std::nullopt, position);
    auto output = fused::attention(query, angles, keys, values, position);
    output.eval();
    in_place = in_place && keys.data<float>() == place;
    outputs.push_back(output);
    queries.push_back(split(query, heads));
    all_keys.push_back(split(key, kv_heads));
    all_values.push_back(split(value, kv_heads));
  }
  const auto rope = [&](const mx::array& x) { return mx::fast::rope(x, head_size, true, 10000.0f, 0.5f, 0); };
  const auto rotated_keys = rope(mx::concatenate(all_keys, 2));
  const auto joined_values = mx::concatenate(all_values, 2);
  const float scale = 1 / std::sqrt(static_cast<float>(head_size));
  const auto expected = mx::fast::scaled_dot_product_attention(rope(mx::concatenate(queries, 2)), rotated_keys,
                                                               joined_values, scale, "causal");
  const auto flat = mx::reshape(mx::transpose(expected, {0, 2, 1, 3}), {position, heads * head_size});
  const auto filled = [&](const mx::array& cache) {
    return mx::slice(cache, {0, 0, 0, 0}, {1, kv_heads, position, head_size});
  };
  out << "{\"output\":" << difference(mx::concatenate(outputs, 0), flat)
      << ",\"keys\":" << difference(filled(keys), rotated_keys)
      << ",\"values\":" << difference(filled(values), joined_values) << ",\"inPlace\":" << (in_place ? "true" : "false")
      << "}";
}

/** No arguments: a cache that someone else still holds must not change under their feet. */
void shared_cache(std::istream&, std::ostream& out) {
  mx::array cache = mx::zeros({1, 1, 4, 2}, mx::float32);
  cache.eval();
  const auto updated = fused::store_rows(cache, mx::ones({1, 2}, mx::float32), std::nullopt, 2);
  out << "{\"old\":" << mx::sum(cache).item<float>() << ",\"updated\":" << mx::sum(updated).item<float>() << "}";
}

/** `position rows heads`: attends to a cache of 4 tokens and 2 KV heads of size 2, to see what is refused. */
void attention_limits(std::istream& in, std::ostream& out) {
  int position, rows, heads;
  in >> position >> rows >> heads;
  const std::vector<float> wavelengths{1};
  const mx::array cache = mx::zeros({1, 2, 4, 2}, mx::float32);
  const auto angles = fused::rope_angles(wavelengths, 1, position, rows);
  auto output = fused::attention(mx::ones({rows, heads * 2}, mx::float32), angles, cache, cache, position);
  out << "{\"sum\":" << mx::sum(output).item<float>() << "}";
}

}  // namespace skein::test
