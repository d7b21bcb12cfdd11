#include "quantized_linear.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "mlx/mlx.h"

#if !defined(__APPLE__)
#include "cpu_view.h"
#include "kernel/cpu_linear.h"
#include "kernel/kernel.h"
#include "mlx/allocator.h"
#include "mlx/backend/cpu/encoder.h"
#include "mlx/primitives.h"
#include "thread_pool.h"
#endif

namespace skein {
namespace mx = mlx::core;
namespace {

std::string text(const mx::Shape& shape) {
  std::string result = "[";
  for (const auto size : shape) result += (result.size() > 1 ? ", " : "") + std::to_string(size);
  return result + "]";
}

void check(const mx::array& x, const mx::array& weight, const mx::array& scales, const mx::array& biases, int bits,
           int group_size) {
  const auto refuse = [](const std::string& why) { throw std::invalid_argument("quantized_linear: " + why); };
  if (bits != 4 && bits != 8) refuse("bits is " + std::to_string(bits) + ", not 4 or 8");
  if (group_size != 32) refuse("group size is " + std::to_string(group_size) + ", not 32");
  if (x.dtype() != mx::float32 || scales.dtype() != mx::float32 || biases.dtype() != mx::float32) {
    refuse("x, scales and biases must be float32");
  }
  if (weight.dtype() != mx::uint32) refuse("weight must be uint32");
  if (x.ndim() < 1 || weight.ndim() != 2) {
    refuse("x " + text(x.shape()) + " or weight " + text(weight.shape()) + " has a wrong rank");
  }
  const int columns = x.shape(-1);
  const int rows = weight.shape(0);
  const mx::Shape groups{rows, columns / group_size};
  if (columns % group_size != 0 || weight.shape(1) != columns / 32 * bits || scales.shape() != groups ||
      biases.shape() != groups) {
    refuse("x " + text(x.shape()) + ", weight " + text(weight.shape()) + ", scales " + text(scales.shape()) +
           " and biases " + text(biases.shape()) + " do not fit together");
  }
}

#if !defined(__APPLE__)

class QuantizedLinear : public mx::Primitive {
 public:
  QuantizedLinear(mx::Stream stream, int bits) : Primitive(stream), bits_(bits) {}

  void eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override {
    const auto& x = inputs[0];
    auto& y = outputs[0];
    y.set_data(mx::allocator::malloc(y.nbytes()));
    const kernel::QuantizedMatrix matrix{inputs[1].data<std::uint32_t>(), inputs[2].data<float>(),
                                         inputs[3].data<float>(),         inputs[1].shape(0),
                                         x.shape(-1),                     bits_};
    const int x_rows = matrix.columns == 0 ? 0 : static_cast<int>(x.size() / matrix.columns);
    float* out = y.data<float>();
    auto& encoder = mx::cpu::get_command_encoder(stream());
    encoder.dispatch([matrix, in = CpuView(x), x_rows, out] {
      std::vector<float> scratch;
      kernel::linear(matrix, in.contiguous(scratch), x_rows, out);
    });
  }

  void eval_gpu(const std::vector<mx::array>&, std::vector<mx::array>&) override {
    throw std::logic_error("QuantizedLinear runs on the CPU only");
  }

  const char* name() const override { return "QuantizedLinear"; }

  bool is_equivalent(const Primitive& other) const override {
    return bits_ == static_cast<const QuantizedLinear&>(other).bits_;
  }

 private:
  const int bits_;
};

#endif

}  // namespace

mx::array quantized_linear(const mx::array& x, const mx::array& weight, const mx::array& scales,
                           const mx::array& biases, int bits, int group_size) {
  check(x, weight, scales, biases, bits, group_size);
#if !defined(__APPLE__)
  if (mx::default_device() == mx::Device::cpu) {
    auto shape = x.shape();
    shape.back() = weight.shape(0);
    // Weights are made contiguous once, at load; a view of them would be copied at every step.
    const auto contiguous = [](const mx::array& a) {
      return a.status() == mx::array::Status::available && a.flags().row_contiguous ? a : mx::contiguous(a);
    };
    return mx::array(shape, mx::float32, std::make_shared<QuantizedLinear>(mx::default_stream(mx::Device::cpu), bits),
                     {x, contiguous(weight), contiguous(scales), contiguous(biases)});
  }
#endif
  return mx::quantized_matmul(x, weight, scales, biases, /*transpose=*/true, group_size, bits);
}

const char* kernel_name() {
#if !defined(__APPLE__)
  if (mx::default_device() == mx::Device::cpu) return kernel::selected().name;
#endif
  return "mlx";
}

int kernel_threads() {
#if !defined(__APPLE__)
  if (mx::default_device() == mx::Device::cpu) return ThreadPool::shared().threads();
#endif
  return 1;
}

}  // namespace skein
