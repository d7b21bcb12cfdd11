#include "llama_config.h"

#include <cmath>
#include <optional>
#include <string>

#include "error.h"

namespace skein {
namespace {

constexpr std::int64_t kMaxLayers = 1024;
constexpr std::int64_t kMaxWidth = 1 << 20;
constexpr std::int64_t kMaxHeads = 4096;
constexpr std::int64_t kMaxVocabulary = 1 << 22;
constexpr std::int64_t kMaxContext = 1 << 24;

[[noreturn]] void refuse(ErrorCode code, const gguf::File& file, const std::string& what) {
  throw EngineError(code, file.mapped().path() + ": " + what);
}

class Keys {
 public:
  explicit Keys(const gguf::File& file) : file_(file) {}

  std::optional<std::int64_t> integer(const std::string& key) const {
    const gguf::Value* value = file_.find(key);
    if (value == nullptr) return std::nullopt;
    if (const auto* number = std::get_if<std::uint64_t>(&value->data)) {
      if (*number > std::uint64_t{1} << 62) refuse(ErrorCode::BadModel, file_, key + " is too large");
      return static_cast<std::int64_t>(*number);
    }
    if (const auto* number = std::get_if<std::int64_t>(&value->data)) return *number;
    refuse(ErrorCode::BadModel, file_, key + " is not one integer");
  }

  int count(const std::string& key, std::int64_t limit, std::optional<std::int64_t> fallback = std::nullopt) const {
    const auto found = integer(key);
    if (!found && !fallback) refuse(ErrorCode::BadModel, file_, key + " is missing");
    const std::int64_t value = found ? *found : *fallback;
    if (value < 1 || value > limit) {
      refuse(ErrorCode::BadModel, file_, key + " is " + std::to_string(value) + ", not 1 to " + std::to_string(limit));
    }
    return static_cast<int>(value);
  }

  float positive(const std::string& key, std::optional<double> fallback = std::nullopt) const {
    const gguf::Value* value = file_.find(key);
    if (value == nullptr && !fallback) refuse(ErrorCode::BadModel, file_, key + " is missing");
    const auto* found = value == nullptr ? &*fallback : std::get_if<double>(&value->data);
    if (found == nullptr || !(*found > 0) || !std::isfinite(static_cast<float>(*found))) {
      refuse(ErrorCode::BadModel, file_, key + " is not a positive number");
    }
    return static_cast<float>(*found);
  }

  std::string text(const std::string& key, const std::string& fallback) const {
    const gguf::Value* value = file_.find(key);
    if (value == nullptr) return fallback;
    if (const auto* found = std::get_if<std::string_view>(&value->data)) return std::string(found->substr(0, 80));
    refuse(ErrorCode::BadModel, file_, key + " is not a string");
  }

 private:
  const gguf::File& file_;
};

float rope_scale(const gguf::File& file, const Keys& keys) {
  const std::string type = keys.text("llama.rope.scaling.type", "none");
  if (type == "linear") return 1.0f / keys.positive("llama.rope.scaling.factor");
  if (type != "none") {
    refuse(ErrorCode::UnsupportedArchitecture, file,
           "rope scaling '" + type + "' is not supported; this build knows none, linear and llama 3's rope_freqs");
  }
  // Older converters wrote linear scaling without a type.
  return 1.0f / keys.positive("llama.rope.scale_linear", 1.0);
}

int vocabulary_of(const gguf::File& file) {
  const gguf::Tensor* embedding = file.find_tensor("token_embd.weight");
  if (embedding == nullptr) refuse(ErrorCode::BadModel, file, "tensor token_embd.weight is missing");
  const std::int64_t rows = embedding->shape.size() == 2 ? embedding->shape[0] : 0;
  if (rows < 1 || rows > kMaxVocabulary)
    refuse(ErrorCode::BadModel, file, "token_embd.weight is not a vocabulary × hidden matrix");
  return static_cast<int>(rows);
}

}  // namespace

LlamaConfig read_llama_config(const gguf::File& file) {
  const Keys keys(file);
  const std::string architecture = keys.text("general.architecture", "");
  if (architecture != "llama") {
    refuse(ErrorCode::UnsupportedArchitecture, file,
           "architecture '" + architecture + "' is not supported; this build runs llama");
  }
  if (keys.integer("llama.expert_count").value_or(0) > 0) {
    refuse(ErrorCode::UnsupportedArchitecture, file, "mixtures of experts (llama.expert_count) are not supported");
  }

  LlamaConfig config{};
  config.layers = keys.count("llama.block_count", kMaxLayers);
  config.hidden = keys.count("llama.embedding_length", kMaxWidth);
  config.feed_forward = keys.count("llama.feed_forward_length", kMaxWidth);
  config.heads = keys.count("llama.attention.head_count", kMaxHeads);
  config.kv_heads = keys.count("llama.attention.head_count_kv", kMaxHeads, config.heads);
  config.context = keys.count("llama.context_length", kMaxContext);
  config.norm_epsilon = keys.positive("llama.attention.layer_norm_rms_epsilon");
  config.rope_base = keys.positive("llama.rope.freq_base", 10000.0);
  config.rope_scale = rope_scale(file, keys);
  config.vocabulary = vocabulary_of(file);

  if (config.heads % config.kv_heads != 0) {
    refuse(ErrorCode::BadModel, file,
           std::to_string(config.heads) + " heads cannot share " + std::to_string(config.kv_heads) +
               " key-value heads evenly");
  }
  const bool has_key_length = file.find("llama.attention.key_length") != nullptr;
  if (!has_key_length && config.hidden % config.heads != 0) {
    refuse(ErrorCode::BadModel, file,
           "embedding length " + std::to_string(config.hidden) + " does not divide by " + std::to_string(config.heads) +
               " heads");
  }
  config.head_size = keys.count("llama.attention.key_length", kMaxWidth, config.hidden / config.heads);
  if (keys.count("llama.attention.value_length", kMaxWidth, config.head_size) != config.head_size) {
    refuse(ErrorCode::UnsupportedArchitecture, file, "keys and values of different lengths are not supported");
  }
  if (std::int64_t{config.head_size} * config.heads > kMaxWidth) {
    refuse(ErrorCode::BadModel, file, "heads of " + std::to_string(config.head_size) + " are too large");
  }
  config.rope_size = keys.count("llama.rope.dimension_count", config.head_size, config.head_size);
  if (config.rope_size % 2 != 0) {
    refuse(ErrorCode::BadModel, file, "llama.rope.dimension_count " + std::to_string(config.rope_size) + " is odd");
  }
  return config;
}

}  // namespace skein
