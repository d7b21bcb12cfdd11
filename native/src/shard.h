#pragma once

namespace skein {

/** What one rank holds of a model: whole layers (Pipeline), or a slice of every one of them (Tensor). */
struct Shard {
  int first_layer;
  /** Exclusive. */
  int last_layer;
  int tensor_rank = 0;
  /** 1 = whole layers. */
  int tensor_size = 1;

  bool operator==(const Shard&) const = default;
};

}  // namespace skein
