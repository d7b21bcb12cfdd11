#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "task.h"

namespace skein {

/** What sampling one row gave: a token, or why there is none. */
using RowResult = std::variant<Sampled, std::string>;

/** Samples each entry that samples, in order; `logits` holds their rows. Never throws for what a model computed. */
std::vector<RowResult> sample_rows(const Step& step, std::span<float> logits);

std::vector<std::byte> encode(std::span<const RowResult> results);
/** Throws `std::runtime_error` on bytes that are no such list. */
std::vector<RowResult> decode_row_results(std::span<const std::byte> bytes);

}  // namespace skein
