#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <unordered_map>
#include <vector>

namespace skein {

/** How one generation picks its tokens. Ranges as in `Sampling` of addon.d.ts; the constructor checks them. */
struct SamplingOptions {
  /** 0 = greedy. */
  float temperature;
  /** (0, 1], 1 = off. */
  float top_p;
  /** 0 = off. */
  int top_k;
  /** [0, 1), 0 = off. */
  float min_p;
  /** > 0, 1 = off. */
  float repetition_penalty;
  float presence_penalty;
  float frequency_penalty;
  /** Tokens of prompt and answer that the repetition penalty sees, ≥ 0. */
  int penalty_window;
  std::uint64_t seed;
};

struct TokenLogprob {
  int token;
  /** Natural logarithm. */
  float logprob;
};

struct Sampled {
  int token;
  /** Log probability of `token` in the distribution before penalties, temperature and filters; 0 when not asked for. */
  float logprob;
  /** The likeliest tokens of that same distribution, best first; equal ones by token id. */
  std::vector<TokenLogprob> top;
};

/**
 * Picks the tokens of one generation, one call per step. The order is that of Hugging Face: penalties, temperature,
 * top-k, top-p, min-p, draw. The draw of step n depends on the seed and n only, with integer arithmetic that is the
 * same on every platform: the same seed, prompt and logits give the same tokens whatever else runs.
 */
class Sampler {
 public:
  /** Throws `std::invalid_argument` naming the option out of range. Prompt tokens may be any ids ≥ 0. */
  Sampler(const SamplingOptions& options, std::span<const std::int32_t> prompt);

  /**
   * Picks the next token and remembers it for the penalties. `logits` is one row of the vocabulary and is overwritten.
   * `top_logprobs`: -1 = no log probabilities, 0 = only the token's, n = with the n likeliest.
   * Throws `std::domain_error` when a logit is not finite, `std::invalid_argument` when the row is empty.
   */
  Sampled sample(std::span<float> logits, int top_logprobs);

 private:
  struct Candidate {
    float logit;
    float weight;
    std::int32_t token;
  };

  void penalise(std::span<float> logits) const;
  std::int32_t draw(std::span<const float> logits);
  void keep_top_k(std::span<const float> logits);
  void keep_top_p(std::span<const float> logits);
  void keep_min_p();
  /** Keeps the best tokens until their amounts reach `target`; all when they never do. */
  template <typename Amount>
  void keep_until(std::span<const float> logits, double target, Amount amount);
  void remember(std::int32_t token);

  const SamplingOptions options_;
  std::uint64_t step_ = 0;
  /** The last `penalty_window` tokens, with how often each occurs there. */
  std::deque<std::int32_t> window_;
  std::unordered_map<std::int32_t, int> window_counts_;
  std::unordered_map<std::int32_t, int> generated_counts_;
  /** exp((logit - highest) / temperature) of every token, 0 once a filter has dropped it. */
  std::vector<float> weights_;
  std::vector<Candidate> candidates_;
};

}  // namespace skein
