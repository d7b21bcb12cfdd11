#include "fused.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "mlx/fast.h"
#include "mlx/ops.h"

#if !defined(__APPLE__)
#include "cpu_view.h"
#include "kernel/cpu_attention.h"
#include "kernel/kernel.h"
#include "mlx/allocator.h"
#include "mlx/backend/cpu/encoder.h"
#include "mlx/primitives.h"
#include "thread_pool.h"
#endif

namespace skein::fused {
namespace mx = mlx::core;

#if !defined(__APPLE__)

namespace {

/** Values per chunk of an operation that goes value by value. */
constexpr std::int64_t kChunkValues = 16 * 1024;

bool on_cpu() { return mx::default_device() == mx::Device::cpu; }

float* allocate(mx::array& out) {
  out.set_data(mx::allocator::malloc(out.nbytes()));
  return out.data<float>();
}

/** Calls `body(begin, end)` for ranges that together are [0, items), on the pool when that is worth it. */
template <typename Body>
void in_parallel(std::int64_t items, std::int64_t values_per_item, Body body) {
  const auto per_chunk = std::max<std::int64_t>(kChunkValues / std::max<std::int64_t>(values_per_item, 1), 1);
  const auto chunks = (items + per_chunk - 1) / per_chunk;
  if (chunks > 0xffff) return body(std::int64_t{0}, items);
  ThreadPool::shared().run(static_cast<int>(chunks), [&](int chunk) {
    body(chunk * per_chunk, std::min((chunk + 1) * per_chunk, items));
  });
}

class CpuPrimitive : public mx::Primitive {
 public:
  CpuPrimitive() : Primitive(mx::default_stream(mx::Device::cpu)) {}

  void eval_gpu(const std::vector<mx::array>&, std::vector<mx::array>&) override {
    throw std::logic_error(std::string(name()) + " runs on the CPU only");
  }

 protected:
  template <typename Task>
  void dispatch(Task task) {
    mx::cpu::get_command_encoder(stream()).dispatch(std::move(task));
  }
};

class RmsNorm : public CpuPrimitive {
 public:
  explicit RmsNorm(float epsilon) : epsilon_(epsilon) {}

  void eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override {
    const int columns = inputs[0].shape(-1);
    const auto rows = static_cast<std::int64_t>(inputs[0].size() / std::max(columns, 1));
    float* y = allocate(outputs[0]);
    dispatch([x = CpuView(inputs[0]), weight = CpuView(inputs[1]), epsilon = epsilon_, columns, rows, y] {
      std::vector<float> x_scratch, weight_scratch;
      const float* from = x.contiguous(x_scratch);
      const float* factors = weight.contiguous(weight_scratch);
      in_parallel(rows, columns, [&](std::int64_t begin, std::int64_t end) {
        for (auto row = begin; row < end; row++) {
          kernel::selected().rms_norm(from + row * columns, factors, epsilon, columns, y + row * columns);
        }
      });
    });
  }

  const char* name() const override { return "RmsNorm"; }
  bool is_equivalent(const Primitive& other) const override {
    return epsilon_ == static_cast<const RmsNorm&>(other).epsilon_;
  }

 private:
  const float epsilon_;
};

class Swiglu : public CpuPrimitive {
 public:
  void eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override {
    const auto size = static_cast<std::int64_t>(inputs[0].size());
    float* y = allocate(outputs[0]);
    dispatch([gate = CpuView(inputs[0]), up = CpuView(inputs[1]), size, y] {
      std::vector<float> gate_scratch, up_scratch;
      const float* gates = gate.contiguous(gate_scratch);
      const float* ups = up.contiguous(up_scratch);
      in_parallel(size, 1, [&](std::int64_t begin, std::int64_t end) {
        kernel::selected().swiglu(gates + begin, ups + begin, end - begin, y + begin);
      });
    });
  }

  const char* name() const override { return "Swiglu"; }
  bool is_equivalent(const Primitive&) const override { return true; }
};

class StoreRows : public CpuPrimitive {
 public:
  explicit StoreRows(const kernel::AttentionShape& shape) : shape_(shape) {}

  /** Inputs: cache, rows and maybe angles. */
  void eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override {
    float* cache = take(inputs[0], outputs[0]);
    std::optional<CpuView> angles;
    if (inputs.size() > 2) angles.emplace(inputs[2]);
    dispatch([shape = shape_, rows = CpuView(inputs[1]), angles, cache] {
      std::vector<float> rows_scratch, angles_scratch;
      kernel::store_rows(shape, rows.contiguous(rows_scratch), angles ? angles->contiguous(angles_scratch) : nullptr,
                         cache);
    });
  }

  const char* name() const override { return "StoreRows"; }

 private:
  /** The buffer of `cache` itself when this is its last use, else a copy. */
  float* take(const mx::array& cache, mx::array& updated) {
    if (cache.is_donatable() && cache.flags().row_contiguous) {
      updated.copy_shared_buffer(cache);
      return updated.data<float>();
    }
    float* copy = allocate(updated);
    dispatch([view = CpuView(cache), copy, bytes = updated.nbytes()] {
      std::vector<float> scratch;
      std::memcpy(copy, view.contiguous(scratch), bytes);
    });
    return copy;
  }

  const kernel::AttentionShape shape_;
};

class CachedAttention : public CpuPrimitive {
 public:
  explicit CachedAttention(const kernel::AttentionShape& shape) : shape_(shape) {}

  /** Inputs: query, angles, keys, values. */
  void eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override {
    float* out = allocate(outputs[0]);
    dispatch([shape = shape_, query = CpuView(inputs[0]), angles = CpuView(inputs[1]), keys = CpuView(inputs[2]),
              values = CpuView(inputs[3]), out] {
      std::vector<float> scratch[4];
      kernel::attention(shape, query.contiguous(scratch[0]), angles.contiguous(scratch[1]),
                        keys.contiguous(scratch[2]), values.contiguous(scratch[3]), out);
    });
  }

  const char* name() const override { return "CachedAttention"; }

 private:
  const kernel::AttentionShape shape_;
};

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(std::string("attention: ") + what);
}

/** Sizes of rows beside a cache; `heads` is how many the rows have. */
kernel::AttentionShape checked_shape(const mx::array& rows, const mx::array& cache, int position) {
  require(rows.dtype() == mx::float32 && cache.dtype() == mx::float32, "rows and caches must be float32");
  require(rows.ndim() == 2 && cache.ndim() == 4 && cache.shape(0) == 1, "rows have 2 axes, a cache [1, …] has 4");
  const int head_size = cache.shape(3);
  require(head_size > 0 && head_size % 2 == 0 && rows.shape(1) % head_size == 0, "rows are not heads of even size");
  const kernel::AttentionShape shape{
      rows.shape(0), rows.shape(1) / head_size, cache.shape(1), head_size, position, cache.shape(2)};
  require(shape.rows >= 1 && position >= 0 && position <= shape.capacity - shape.rows,
          "the cache has no room for the rows");
  return shape;
}

void check_angles(const mx::array& angles, const kernel::AttentionShape& shape) {
  require(angles.dtype() == mx::float32 && angles.shape() == mx::Shape{shape.rows, shape.head_size / 2, 2},
          "the angles do not fit the rows");
}

}  // namespace

mx::array rms_norm(const mx::array& x, const mx::array& weight, float epsilon) {
  if (!on_cpu()) return mx::fast::rms_norm(x, weight, epsilon);
  if (x.dtype() != mx::float32 || weight.dtype() != mx::float32 || x.ndim() < 1 ||
      weight.shape() != mx::Shape{x.shape(-1)}) {
    throw std::invalid_argument("rms_norm: x and weight must be float32, weight as long as the last axis of x");
  }
  return mx::array(x.shape(), mx::float32, std::make_shared<RmsNorm>(epsilon), {x, weight});
}

mx::array swiglu(const mx::array& gate, const mx::array& up) {
  if (!on_cpu()) return mx::multiply(mx::multiply(gate, mx::sigmoid(gate)), up);
  if (gate.dtype() != mx::float32 || up.dtype() != mx::float32 || gate.shape() != up.shape()) {
    throw std::invalid_argument("swiglu: gate and up must be float32 and of one shape");
  }
  return mx::array(gate.shape(), mx::float32, std::make_shared<Swiglu>(), {gate, up});
}

bool has_attention() { return on_cpu(); }

mx::array store_rows(const mx::array& cache, const mx::array& rows, const std::optional<mx::array>& angles,
                     int position) {
  const auto shape = checked_shape(rows, cache, position);
  require(shape.heads == shape.kv_heads, "the rows have another number of heads than the cache");
  std::vector<mx::array> inputs{cache, rows};
  if (angles) {
    check_angles(*angles, shape);
    inputs.push_back(*angles);
  }
  return mx::array(cache.shape(), mx::float32, std::make_shared<StoreRows>(shape), std::move(inputs));
}

mx::array attention(const mx::array& query, const mx::array& angles, const mx::array& keys, const mx::array& values,
                    int position) {
  const auto shape = checked_shape(query, keys, position);
  require(shape.kv_heads > 0 && shape.heads % shape.kv_heads == 0, "the KV heads do not divide the heads");
  require(values.dtype() == mx::float32 && values.shape() == keys.shape(), "keys and values differ in shape or type");
  check_angles(angles, shape);
  return mx::array(query.shape(), mx::float32, std::make_shared<CachedAttention>(shape), {query, angles, keys, values});
}

#else

mx::array rms_norm(const mx::array& x, const mx::array& weight, float epsilon) {
  return mx::fast::rms_norm(x, weight, epsilon);
}

mx::array swiglu(const mx::array& gate, const mx::array& up) {
  return mx::multiply(mx::multiply(gate, mx::sigmoid(gate)), up);
}

bool has_attention() { return false; }

mx::array store_rows(const mx::array&, const mx::array&, const std::optional<mx::array>&, int) {
  throw std::logic_error("store_rows: this platform uses MLX's own operations");
}

mx::array attention(const mx::array&, const mx::array&, const mx::array&, const mx::array&, int) {
  throw std::logic_error("attention: this platform uses MLX's own operations");
}

#endif

mx::array rope_angles(std::span<const float> wavelengths, float scale, int position, int rows) {
  const int pairs = static_cast<int>(wavelengths.size());
  std::vector<float> angles;
  angles.reserve(static_cast<std::size_t>(rows) * pairs * 2);
  for (int row = 0; row < rows; row++) {
    for (const float wavelength : wavelengths) {
      // In fp32 the angle of a far position would be off by more than the rest of the attention.
      const double angle = static_cast<double>(position + row) * scale / wavelength;
      angles.push_back(static_cast<float>(std::cos(angle)));
      angles.push_back(static_cast<float>(std::sin(angle)));
    }
  }
  return mx::array(angles.data(), {rows, pairs, 2}, mx::float32);
}

}  // namespace skein::fused
