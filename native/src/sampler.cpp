#include "sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

namespace skein {
namespace {

/** Candidates in one bin of the selection are sorted when there are no more than these. */
constexpr std::size_t kSortAtMost = 64;
constexpr int kBins = 256;
/** Temperatures below this act like it: their inverse would overflow. */
constexpr float kColdest = 1e-6f;
/** Tokens less likely than this fraction of the likeliest are looked at only when the others do not suffice. */
constexpr float kUnlikely = 0x1.0p-12f;
/** Partial sums kept side by side, so that the compiler can use vector registers without reordering. */
constexpr std::size_t kLanes = 16;
/** Tokens summed at once when the drawn one is looked for. */
constexpr std::size_t kBlock = 256;

/** Finaliser of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). */
std::uint64_t mix(std::uint64_t z) {
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

/** Uniform in [0, 1), a function of seed and step alone. */
double uniform(std::uint64_t seed, std::uint64_t step) {
  constexpr std::uint64_t kGamma = 0x9e3779b97f4a7c15;
  const std::uint64_t stream = mix(seed + kGamma);
  return static_cast<double>(mix(stream + kGamma * (step + 1)) >> 11) * 0x1.0p-53;
}

void check_options(const SamplingOptions& options) {
  const auto require = [](bool holds, const char* what, const char* range) {
    if (!holds) throw std::invalid_argument(std::string(what) + " must be " + range);
  };
  require(std::isfinite(options.temperature) && options.temperature >= 0, "temperature", "0 or more");
  require(options.top_p > 0 && options.top_p <= 1, "top_p", "above 0 and at most 1");
  require(options.top_k >= 0, "top_k", "0 or more");
  require(options.min_p >= 0 && options.min_p < 1, "min_p", "at least 0 and below 1");
  require(std::isfinite(options.repetition_penalty) && options.repetition_penalty > 0, "repetition_penalty", "above 0");
  require(std::abs(options.presence_penalty) <= 2, "presence_penalty", "from -2 to 2");
  require(std::abs(options.frequency_penalty) <= 2, "frequency_penalty", "from -2 to 2");
  require(options.penalty_window >= 0, "penalty_window", "0 or more");
}

void check_logits(std::span<const float> logits) {
  if (logits.empty()) throw std::invalid_argument("the model returned no logits");
  constexpr std::uint32_t kExponent = 0x7f800000;
  std::uint32_t wrong = 0;
  for (const float logit : logits) wrong += (std::bit_cast<std::uint32_t>(logit) & kExponent) == kExponent;
  if (wrong == 0) return;
  const auto first = std::find_if(logits.begin(), logits.end(), [](float logit) { return !std::isfinite(logit); });
  throw std::domain_error("the model returned " + std::to_string(wrong) + " logits of " +
                          std::to_string(logits.size()) + " that are not finite numbers, first for token " +
                          std::to_string(first - logits.begin()) + "; its weights are damaged or its activations overflow");
}

float highest_of(std::span<const float> values) {
  std::array<float, kLanes> lanes;
  lanes.fill(values[0]);
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; lane++) {
      lanes[lane] = values[i + lane] > lanes[lane] ? values[i + lane] : lanes[lane];
    }
  }
  for (; i < values.size(); i++) lanes[0] = std::max(lanes[0], values[i]);
  return *std::max_element(lanes.begin(), lanes.end());
}

double sum_of(std::span<const float> values) {
  std::array<double, kLanes> lanes{};
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; lane++) lanes[lane] += values[i + lane];
  }
  for (; i < values.size(); i++) lanes[0] += values[i];
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

/** e^x for x ≤ 0, within 2 units in the last place; 0 below -87. Branch-free, so that loops over it become vector
 *  code, and the same on every platform where std::exp is not. Method and coefficients: Cephes `expf` (Moshier). */
float exponential(float x) {
  const float clamped = x > -87.0f ? x : -87.0f;
  const auto power = static_cast<std::int32_t>(clamped * 1.44269504f - 0.5f);
  const auto rounded = static_cast<float>(power);
  const float r = clamped - rounded * 0.693359375f + rounded * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const float mantissa = p * r * r + r + 1.0f;
  const float result = mantissa * std::bit_cast<float>((power + 127) << 23);
  return x > -87.0f ? result : 0.0f;
}

/** Writes exp((logit - highest) · inverse) for every logit. */
void exponentials(std::span<const float> logits, float highest, float inverse, float* out) {
  for (std::size_t i = 0; i < logits.size(); i++) out[i] = exponential((logits[i] - highest) * inverse);
}

std::vector<TokenLogprob> likeliest(std::span<const float> logits, int count, double log_sum) {
  std::vector<TokenLogprob> best;
  const auto size = std::min(static_cast<std::size_t>(std::max(count, 0)), logits.size());
  if (size == 0) return best;
  best.reserve(size + 1);
  for (std::size_t token = 0; token < logits.size(); token++) {
    if (best.size() == size && logits[token] <= best.back().logprob) continue;
    const auto place = std::upper_bound(best.begin(), best.end(), logits[token],
                                        [](float logit, const TokenLogprob& other) { return logit > other.logprob; });
    best.insert(place, {static_cast<int>(token), logits[token]});
    if (best.size() > size) best.pop_back();
  }
  for (auto& entry : best) entry.logprob = static_cast<float>(entry.logprob - log_sum);
  return best;
}

/** The token whose share of the total holds `fraction`, in token order. At least one weight is positive. */
std::int32_t pick(std::span<const float> weights, double fraction) {
  const auto block = [&](std::size_t start) {
    return weights.subspan(start, std::min(kBlock, weights.size() - start));
  };
  double total = 0;
  for (std::size_t start = 0; start < weights.size(); start += kBlock) total += sum_of(block(start));
  const double target = fraction * total;
  std::size_t chosen = 0;
  double before = 0;
  double reached = 0;
  for (std::size_t start = 0; start < weights.size() && reached <= target; start += kBlock) {
    const double sum = sum_of(block(start));
    if (sum <= 0) continue;
    chosen = start;
    before = reached;
    reached += sum;
  }
  // Sums within the block may round short of the target: then the last token with a weight is the one.
  std::size_t token = chosen;
  for (std::size_t i = chosen; i < chosen + block(chosen).size() && before <= target; i++) {
    if (weights[i] <= 0) continue;
    token = i;
    before += weights[i];
  }
  return static_cast<std::int32_t>(token);
}

}  // namespace

Sampler::Sampler(const SamplingOptions& options, std::span<const std::int32_t> prompt) : options_(options) {
  check_options(options);
  const auto window = static_cast<std::size_t>(options.penalty_window);
  for (const auto token : prompt.last(std::min(prompt.size(), window))) {
    window_.push_back(token);
    window_counts_[token]++;
  }
}

Sampled Sampler::sample(std::span<float> logits, int top_logprobs) {
  check_logits(logits);
  Sampled result{0, 0, {}};
  std::vector<float> unmodified;
  double log_sum = 0;
  if (top_logprobs >= 0) {
    weights_.resize(logits.size());
    const float highest = highest_of(logits);
    exponentials(logits, highest, 1, weights_.data());
    log_sum = highest + std::log(sum_of(weights_));
    result.top = likeliest(logits, top_logprobs, log_sum);
    unmodified.assign(logits.begin(), logits.end());
  }
  penalise(logits);
  result.token = options_.temperature == 0
                     ? static_cast<int>(std::find(logits.begin(), logits.end(), highest_of(logits)) - logits.begin())
                     : draw(logits);
  if (top_logprobs >= 0) result.logprob = static_cast<float>(unmodified[result.token] - log_sum);
  step_++;
  remember(result.token);
  return result;
}

void Sampler::penalise(std::span<float> logits) const {
  const auto within = [&](std::int32_t token) { return token >= 0 && static_cast<std::size_t>(token) < logits.size(); };
  // An extreme penalty must not turn a finite logit into an infinity that no softmax survives.
  const auto finite = [](float logit) {
    return std::clamp(logit, std::numeric_limits<float>::lowest(), std::numeric_limits<float>::max());
  };
  if (options_.repetition_penalty != 1) {
    for (const auto& [token, count] : window_counts_) {
      if (!within(token)) continue;
      float& logit = logits[token];
      logit = finite(logit > 0 ? logit / options_.repetition_penalty : logit * options_.repetition_penalty);
    }
  }
  if (options_.presence_penalty != 0 || options_.frequency_penalty != 0) {
    for (const auto& [token, count] : generated_counts_) {
      if (!within(token)) continue;
      const float penalty = options_.presence_penalty + options_.frequency_penalty * static_cast<float>(count);
      logits[token] = finite(logits[token] - penalty);
    }
  }
}

std::int32_t Sampler::draw(std::span<const float> logits) {
  weights_.resize(logits.size());
  exponentials(logits, highest_of(logits), 1 / std::max(options_.temperature, kColdest), weights_.data());
  keep_top_k(logits);
  keep_top_p(logits);
  keep_min_p();
  return pick(weights_, uniform(options_.seed, step_));
}

void Sampler::keep_top_k(std::span<const float> logits) {
  if (options_.top_k == 0) return;
  keep_until(logits, options_.top_k, [](const Candidate&) { return 1.0; });
}

void Sampler::keep_top_p(std::span<const float> logits) {
  if (options_.top_p >= 1) return;
  keep_until(logits, options_.top_p * sum_of(weights_),
             [](const Candidate& candidate) { return static_cast<double>(candidate.weight); });
}

void Sampler::keep_min_p() {
  if (options_.min_p == 0) return;
  // The highest weight is 1, so the fraction of it is the weight itself.
  for (float& weight : weights_) weight = weight >= options_.min_p ? weight : 0;
}

template <typename Amount>
void Sampler::keep_until(std::span<const float> logits, double target, Amount amount) {
  for (const float least : {kUnlikely, std::numeric_limits<float>::min()}) {
    candidates_.clear();
    double total = 0;
    for (std::size_t token = 0; token < weights_.size(); token++) {
      if (weights_[token] < least) continue;
      candidates_.push_back({logits[token], weights_[token], static_cast<std::int32_t>(token)});
      total += amount(candidates_.back());
    }
    if (total >= target) break;
  }
  // A histogram finds the bin in which the target is reached, then again within that bin: linear, where a sort is not.
  for (;;) {
    const auto [lowest, highest] =
        std::minmax_element(candidates_.begin(), candidates_.end(),
                            [](const Candidate& a, const Candidate& b) { return a.logit < b.logit; });
    const double high = highest->logit;
    const double range = high - lowest->logit;
    if (range == 0) break;
    if (candidates_.size() <= kSortAtMost) {
      std::stable_sort(candidates_.begin(), candidates_.end(),
                       [](const Candidate& a, const Candidate& b) { return a.logit > b.logit; });
      break;
    }
    const auto bin_of = [&](const Candidate& candidate) {
      return std::min(static_cast<int>((high - candidate.logit) / range * kBins), kBins - 1);
    };
    std::array<double, kBins> amounts{};
    for (const auto& candidate : candidates_) amounts[bin_of(candidate)] += amount(candidate);
    int bin = 0;
    while (bin < kBins - 1 && amounts[bin] < target) target -= amounts[bin++];
    std::erase_if(candidates_, [&](const Candidate& candidate) { return bin_of(candidate) != bin; });
  }
  Candidate cut{};
  for (const auto& candidate : candidates_) {
    cut = candidate;
    target -= amount(candidate);
    if (target <= 0) break;
  }
  for (std::size_t token = 0; token < weights_.size(); token++) {
    const bool equal_and_first = logits[token] == cut.logit && static_cast<std::int32_t>(token) <= cut.token;
    if (logits[token] <= cut.logit && !equal_and_first) weights_[token] = 0;
  }
}

void Sampler::remember(std::int32_t token) {
  generated_counts_[token]++;
  if (options_.penalty_window == 0) return;
  window_.push_back(token);
  window_counts_[token]++;
  if (window_.size() <= static_cast<std::size_t>(options_.penalty_window)) return;
  const auto oldest = window_counts_.find(window_.front());
  if (--oldest->second == 0) window_counts_.erase(oldest);
  window_.pop_front();
}

}  // namespace skein
