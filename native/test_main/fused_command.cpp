#include <algorithm>
#include <cmath>
#include <numeric>
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

std::vector<int> from(int position, int rows) {
  std::vector<int> positions(static_cast<std::size_t>(rows));
  std::iota(positions.begin(), positions.end(), position);
  return positions;
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
 * compares with MLX's rope and attention over all of them at once.
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
  std::vector<mx::array> queries, all_keys, all_values, outputs;
  int position = 0;
  for (int rows; in >> rows; position += rows) {
    const auto query = random_array({rows, heads * head_size}, 2, random);
    const auto key = random_array({rows, kv_heads * head_size}, 2, random);
    const auto value = random_array({rows, kv_heads * head_size}, 1, random);
    const auto angles = fused::rope_angles(wavelengths, 0.5f, from(position, rows));
    const fused::CacheRows task{keys, values, position, rows};
    auto output = fused::attention(query, key, value, angles, {&task, 1});
    output.eval();
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
      << ",\"values\":" << difference(filled(values), joined_values) << "}";
}

/**
 * `heads kv_heads head_size seed position…`: one row of a task at each of these positions, all in one operation and each
 * in its own; whether every result and every cache is the same to the last bit.
 */
void attention_together(std::istream& in, std::ostream& out) {
  int heads, kv_heads, head_size;
  unsigned seed;
  in >> heads >> kv_heads >> head_size >> seed;
  std::mt19937 random(seed);
  std::vector<int> positions;
  for (int position; in >> position;) positions.push_back(position);
  const int rows = static_cast<int>(positions.size());
  const auto query = random_array({rows, heads * head_size}, 2, random);
  const auto key = random_array({rows, kv_heads * head_size}, 2, random);
  const auto value = random_array({rows, kv_heads * head_size}, 1, random);
  const std::vector<float> wavelengths(static_cast<std::size_t>(head_size / 2), 10.0f);
  std::vector<mx::array> keys, values, own_keys, own_values, alone;
  std::vector<fused::CacheRows> tasks;
  for (const int position : positions) {
    keys.push_back(random_array({1, kv_heads, position + 5, head_size}, 2, random));
    values.push_back(random_array({1, kv_heads, position + 5, head_size}, 1, random));
  }
  for (int i = 0; i < rows; i++) {
    own_keys.push_back(mx::copy(keys[i]));
    own_values.push_back(mx::copy(values[i]));
  }
  mx::eval(own_keys);
  mx::eval(own_values);
  for (int i = 0; i < rows; i++) tasks.push_back({keys[i], values[i], positions[i], 1});
  auto together = fused::attention(query, key, value, fused::rope_angles(wavelengths, 1, positions), tasks);
  for (int i = 0; i < rows; i++) {
    const auto row = [&](const mx::array& all) { return mx::slice(all, {i, 0}, {i + 1, all.shape(1)}); };
    const fused::CacheRows task{own_keys[i], own_values[i], positions[i], 1};
    const auto angles = fused::rope_angles(wavelengths, 1, from(positions[i], 1));
    alone.push_back(fused::attention(row(query), row(key), row(value), angles, {&task, 1}));
  }
  double worst = difference(together, mx::concatenate(alone, 0));
  for (int i = 0; i < rows; i++)
    worst = std::max({worst, difference(keys[i], own_keys[i]), difference(values[i], own_values[i])});
  out << "{\"difference\":" << worst << "}";
}

/** `position rows heads`: attends to a cache of 4 tokens and 2 KV heads of size 2, to see what is refused. */
void attention_limits(std::istream& in, std::ostream& out) {
  int position, rows, heads;
  in >> position >> rows >> heads;
  const std::vector<float> wavelengths{1};
  mx::array keys = mx::zeros({1, 2, 4, 2}, mx::float32);
  mx::array values = keys;
  const auto angles = fused::rope_angles(wavelengths, 1, from(position, rows));
  const auto ones = [&](int width) { return mx::ones({rows, width}, mx::float32); };
  const fused::CacheRows task{keys, values, position, rows};
  auto output = fused::attention(ones(heads * 2), ones(4), ones(4), angles, {&task, 1});
  out << "{\"sum\":" << mx::sum(output).item<float>() << "}";
}

}  // namespace skein::test
