#include <algorithm>
#include <chrono>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "command.h"
#include "sampler.h"

namespace skein::test {
namespace {

/** Reads NaN and infinities too, which `>>` does not. */
float read_float(std::istream& in) {
  std::string text;
  if (!(in >> text)) throw std::runtime_error("a number is missing");
  return std::stof(text);
}

SamplingOptions read_options(std::istream& in) {
  SamplingOptions options{};
  options.temperature = read_float(in);
  options.top_p = read_float(in);
  in >> options.top_k;
  options.min_p = read_float(in);
  options.repetition_penalty = read_float(in);
  options.presence_penalty = read_float(in);
  options.frequency_penalty = read_float(in);
  in >> options.penalty_window >> options.seed;
  return options;
}

}  // namespace

/** `options… top_logprobs steps prompt_size prompt… vocabulary logits…`: samples `steps` times from the same logits. */
void sample(std::istream& in, std::ostream& out) {
  const auto options = read_options(in);
  int top_logprobs, steps, prompt_size, vocabulary;
  in >> top_logprobs >> steps >> prompt_size;
  std::vector<std::int32_t> prompt(prompt_size);
  for (auto& token : prompt) in >> token;
  in >> vocabulary;
  std::vector<float> logits(vocabulary);
  for (auto& logit : logits) logit = read_float(in);
  Sampler sampler(options, prompt);
  std::string tokens, logprobs, tops;
  for (int step = 0; step < steps; step++) {
    auto row = logits;
    const auto sampled = sampler.sample(row, top_logprobs);
    const std::string comma = step == 0 ? "" : ",";
    tokens += comma + std::to_string(sampled.token);
    logprobs += comma + std::to_string(sampled.logprob);
    tops += comma + "[";
    for (std::size_t i = 0; i < sampled.top.size(); i++) {
      tops += (i == 0 ? "[" : ",[") + std::to_string(sampled.top[i].token) + "," +
              std::to_string(sampled.top[i].logprob) + "]";
    }
    tops += "]";
  }
  out << "{\"tokens\":[" << tokens << "],\"logprobs\":[" << logprobs << "],\"top\":[" << tops << "]}";
}

/** `options… top_logprobs steps vocabulary spread`: median microseconds per token on normal logits of that spread. */
void sample_cost(std::istream& in, std::ostream& out) {
  const auto options = read_options(in);
  int top_logprobs, steps, vocabulary;
  in >> top_logprobs >> steps >> vocabulary;
  std::normal_distribution<float> normal(0, read_float(in));
  std::mt19937 random(1);
  std::vector<float> logits(vocabulary);
  for (auto& logit : logits) logit = normal(random);
  Sampler sampler(options, {});
  std::vector<double> costs;
  for (int step = 0; step < steps; step++) {
    auto row = logits;
    const auto start = std::chrono::steady_clock::now();
    sampler.sample(row, top_logprobs);
    costs.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(costs.begin(), costs.begin() + costs.size() / 2, costs.end());
  out << "{\"microseconds\":" << costs[costs.size() / 2] << "}";
}

}  // namespace skein::test
