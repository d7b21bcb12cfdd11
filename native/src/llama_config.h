#pragma once

#include <cstdint>

#include "gguf.h"

namespace skein {

/** What the header of a llama-architecture model says, checked: every count is positive and bounded, heads divide. */
struct LlamaConfig {
  int layers;
  int hidden;
  int feed_forward;
  int heads;
  int kv_heads;
  int head_size;
  /** Leading dimensions of each head that rope rotates; even, at most `head_size`. */
  int rope_size;
  int vocabulary;
  int context;
  float norm_epsilon;
  float rope_base;
  /** Factor on positions: 1, or 1 / factor with linear scaling. */
  float rope_scale;
};

/** Throws `BadModel` or `UnsupportedArchitecture`, naming the key and its value. Allocates nothing for the model. */
LlamaConfig read_llama_config(const gguf::File& file);

}  // namespace skein
