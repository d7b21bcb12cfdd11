#include "row_result.h"

#include <algorithm>
#include <cstdint>
#include <exception>

#include "bytes.h"

namespace skein {

std::vector<RowResult> sample_rows(const Step& step, std::span<float> logits) {
  const auto rows = std::count_if(step.begin(), step.end(), [](const StepRow& row) { return row.entry.samples; });
  std::vector<RowResult> results;
  if (rows == 0) return results;
  const std::size_t width = logits.size() / static_cast<std::size_t>(rows);
  for (const auto& [entry, task] : step) {
    if (!entry.samples) continue;
    try {
      results.emplace_back(task->sampler.sample(logits.subspan(results.size() * width, width), task->top_logprobs));
    } catch (const std::exception& error) {
      results.emplace_back(std::string(error.what()));
    }
  }
  return results;
}

std::vector<std::byte> encode(std::span<const RowResult> results) {
  ByteWriter out;
  out.put(static_cast<std::uint32_t>(results.size()));
  for (const RowResult& result : results) {
    if (const auto* error = std::get_if<std::string>(&result)) {
      out.put(std::uint8_t{0});
      out.put_list(std::span<const char>(*error));
      continue;
    }
    const auto& sampled = std::get<Sampled>(result);
    out.put(std::uint8_t{1});
    out.put(std::int32_t{sampled.token});
    out.put(sampled.logprob);
    out.put(static_cast<std::uint32_t>(sampled.top.size()));
    for (const auto& [token, logprob] : sampled.top) {
      out.put(std::int32_t{token});
      out.put(logprob);
    }
  }
  return out.take();
}

std::vector<RowResult> decode_row_results(std::span<const std::byte> bytes) {
  ByteReader in(bytes);
  std::vector<RowResult> results(in.count(5));
  for (RowResult& result : results) {
    if (in.get<std::uint8_t>() == 0) {
      const auto text = in.list<char>();
      result = std::string(text.begin(), text.end());
      continue;
    }
    Sampled sampled{in.get<std::int32_t>(), in.get<float>(), {}};
    sampled.top.resize(in.count(8));
    for (auto& [token, logprob] : sampled.top) {
      token = in.get<std::int32_t>();
      logprob = in.get<float>();
    }
    result = std::move(sampled);
  }
  in.end();
  return results;
}

}  // namespace skein
