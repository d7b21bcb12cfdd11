#pragma once

#include <vector>

#include "mlx/array.h"

namespace skein {

/** Where the values of an evaluated fp32 array lie: it may be a transposed, sliced or broadcast view of a buffer. */
class CpuView {
 public:
  explicit CpuView(const mlx::core::array& array)
      : data_(array.data<float>()),
        size_(array.size()),
        contiguous_(array.flags().row_contiguous),
        shape_(array.shape()),
        strides_(array.strides()) {}

  /** The values in row-major order: where they lie if they lie so, else copied to `scratch`. */
  const float* contiguous(std::vector<float>& scratch) const {
    if (contiguous_) return data_;
    scratch.resize(size_);
    for (std::size_t i = 0; i < size_; i++) {
      std::size_t rest = i;
      std::int64_t offset = 0;
      for (int axis = static_cast<int>(shape_.size()) - 1; axis >= 0; axis--) {
        offset += static_cast<std::int64_t>(rest % shape_[axis]) * strides_[axis];
        rest /= shape_[axis];
      }
      scratch[i] = data_[offset];
    }
    return scratch.data();
  }

 private:
  const float* data_;
  std::size_t size_;
  bool contiguous_;
  mlx::core::Shape shape_;
  mlx::core::Strides strides_;
};

}  // namespace skein
