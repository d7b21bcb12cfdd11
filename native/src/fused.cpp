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

class CachedAttention : public CpuPrimitive {
 public:
  explicit CachedAttention(std::vector<kernel::AttentionShape> shapes) : shapes_(std::move(shapes)) {}

  /** Inputs: query, key, value, angles, then keys and values of each task, which it changes. */
  void eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override {
    float* out = allocate(outputs[0]);
    std::vector<float*> caches;
    for (std::size_t i = 4; i < inputs.size(); i++) {
      if (!inputs[i].flags().row_contiguous) throw std::logic_error("attention: a cache is not contiguous");
      // MLX knows values only; memory that one owner writes step by step is what it has no word for.
      caches.push_back(const_cast<float*>(inputs[i].data<float>()));
    }
    dispatch([shapes = shapes_, query = CpuView(inputs[0]), key = CpuView(inputs[1]), value = CpuView(inputs[2]),
              angles = CpuView(inputs[3]), caches = std::move(caches), out] {
      std::vector<float> scratch[4];
      const float* queries = query.contiguous(scratch[0]);
      const float* keys = key.contiguous(scratch[1]);
      const float* values = value.contiguous(scratch[2]);
      const float* turns = angles.contiguous(scratch[3]);
      std::vector<kernel::AttentionTask> tasks;
      std::int64_t row = 0;
      for (std::size_t i = 0; i < shapes.size(); i++) {
        const kernel::AttentionShape& shape = shapes[i];
        const std::int64_t kv_width = static_cast<std::int64_t>(shape.kv_heads) * shape.head_size;
        const std::int64_t width = static_cast<std::int64_t>(shape.heads) * shape.head_size;
        const float* own_turns = turns + row * shape.head_size;
        kernel::store_rows(shape, keys + row * kv_width, own_turns, caches[2 * i]);
        kernel::store_rows(shape, values + row * kv_width, nullptr, caches[2 * i + 1]);
        tasks.push_back({shape, queries + row * width, own_turns, caches[2 * i], caches[2 * i + 1], out + row * width});
        row += shape.rows;
      }
      kernel::attention(tasks);
    });
  }

  const char* name() const override { return "CachedAttention"; }

 private:
  const std::vector<kernel::AttentionShape> shapes_;
};

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(std::string("attention: ") + what);
}

/** Sizes of a task's attention; `query_width` and `kv_width` are those of all rows. */
kernel::AttentionShape checked_shape(const CacheRows& task, int query_width, int kv_width) {
  const mx::array& cache = task.keys;
  require(cache.dtype() == mx::float32 && task.values.dtype() == mx::float32, "caches must be float32");
  require(cache.ndim() == 4 && cache.shape(0) == 1, "a cache [1, …] has 4 axes");
  require(task.values.shape() == cache.shape(), "keys and values differ in shape");
  const int head_size = cache.shape(3);
  require(head_size > 0 && head_size % 2 == 0 && query_width % head_size == 0, "rows are not heads of even size");
  const kernel::AttentionShape shape{task.rows, query_width / head_size, cache.shape(1), head_size, task.position,
                                     cache.shape(2)};
  require(shape.kv_heads > 0 && shape.heads % shape.kv_heads == 0, "the KV heads do not divide the heads");
  require(kv_width == shape.kv_heads * head_size, "keys and values have another number of heads than the cache");
  require(shape.rows >= 1 && shape.position >= 0 && shape.position <= shape.capacity - shape.rows,
          "the cache has no room for the rows");
  return shape;
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

mx::array attention(const mx::array& query, const mx::array& key, const mx::array& value, const mx::array& angles,
                    std::span<const CacheRows> tasks) {
  for (const mx::array& each : {query, key, value})
    require(each.dtype() == mx::float32 && each.ndim() == 2, "rows must be float32 with 2 axes");
  require(key.shape() == value.shape() && key.shape(0) == query.shape(0), "keys, values and queries differ in rows");
  std::vector<kernel::AttentionShape> shapes;
  std::vector<mx::array> inputs{query, key, value, angles};
  int rows = 0;
  for (const CacheRows& task : tasks) {
    shapes.push_back(checked_shape(task, query.shape(1), key.shape(1)));
    rows += task.rows;
    inputs.insert(inputs.end(), {task.keys, task.values});
  }
  require(!shapes.empty() && rows == query.shape(0), "the rows are not those of the tasks");
  require(angles.dtype() == mx::float32 && angles.shape() == mx::Shape{rows, shapes.front().head_size / 2, 2},
          "the angles do not fit the rows");
  return mx::array(query.shape(), mx::float32, std::make_shared<CachedAttention>(std::move(shapes)), std::move(inputs));
}

#else

mx::array rms_norm(const mx::array& x, const mx::array& weight, float epsilon) {
  return mx::fast::rms_norm(x, weight, epsilon);
}

mx::array swiglu(const mx::array& gate, const mx::array& up) {
  return mx::multiply(mx::multiply(gate, mx::sigmoid(gate)), up);
}

bool has_attention() { return false; }

mx::array attention(const mx::array&, const mx::array&, const mx::array&, const mx::array&,
                    std::span<const CacheRows>) {
  throw std::logic_error("attention: this platform uses MLX's own operations");
}

#endif

mx::array rope_angles(std::span<const float> wavelengths, float scale, std::span<const int> positions) {
  const int pairs = static_cast<int>(wavelengths.size());
  std::vector<float> angles;
  angles.reserve(positions.size() * wavelengths.size() * 2);
  for (const int position : positions) {
    for (const float wavelength : wavelengths) {
      // In fp32 the angle of a far position would be off by more than the rest of the attention.
      const double angle = static_cast<double>(position) * scale / wavelength;
      angles.push_back(static_cast<float>(std::cos(angle)));
      angles.push_back(static_cast<float>(std::sin(angle)));
    }
  }
  return mx::array(angles.data(), {static_cast<int>(positions.size()), pairs, 2}, mx::float32);
}

}  // namespace skein::fused
