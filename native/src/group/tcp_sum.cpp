#include <cstring>
#include <stdexcept>

#include "cpu_view.h"
#include "error.h"
#include "mlx/allocator.h"
#include "mlx/backend/cpu/encoder.h"
#include "mlx/ops.h"
#include "mlx/primitives.h"
#include "tcp_group.h"

namespace skein {
namespace mx = mlx::core;
namespace {

/** Runs on the CPU's stream, where an exception would end the process: a lost group leaves zeros behind. */
class AllSum : public mx::Primitive {
 public:
  explicit AllSum(std::shared_ptr<Group> group)
      : Primitive(mx::default_stream(mx::Device::cpu)), group_(std::move(group)) {}

  void eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override {
    outputs[0].set_data(mx::allocator::malloc(outputs[0].nbytes()));
    float* out = outputs[0].data<float>();
    const std::size_t size = outputs[0].size();
    mx::cpu::get_command_encoder(stream()).dispatch([group = group_, in = CpuView(inputs[0]), out, size] {
      std::memset(out, 0, size * sizeof(float));
      try {
        std::vector<float> scratch;
        const auto all = group->all_gather(std::as_bytes(std::span(in.contiguous(scratch), size)));
        // By rank, on every rank: the same order gives the same bits.
        for (const Bytes& each : all) {
          const auto* values = reinterpret_cast<const float*>(each.data());
          for (std::size_t i = 0; i < size; i++) out[i] += values[i];
        }
      } catch (const std::exception& failure) {
        group->abort(failure.what());
      }
    });
  }

  void eval_gpu(const std::vector<mx::array>&, std::vector<mx::array>&) override {
    throw std::logic_error("AllSum runs on the CPU only");
  }

  const char* name() const override { return "SkeinAllSum"; }
  bool is_equivalent(const Primitive&) const override { return false; }

 private:
  const std::shared_ptr<Group> group_;
};

}  // namespace

mx::array TcpGroup::all_sum(const mx::array& mine) {
  if (mine.dtype() != mx::float32) throw std::invalid_argument("all_sum: not float32");
  return mx::array(mine.shape(), mx::float32, std::make_shared<AllSum>(shared_from_this()), {mine});
}

}  // namespace skein
