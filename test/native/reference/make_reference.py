"""Makes smollm2-greedy.json and smollm2-logits.f32: what Python mlx-lm says about the starter model.

    python3 -m venv VENV && VENV/bin/pip install -r requirements.txt
    VENV/bin/python make_reference.py path/to/SmolLM2-135M-Instruct.Q4_1.gguf

Versions: requirements.txt beside this file; the ones actually used are written into the JSON. About two
minutes on two CPU cores; needs 1.5 GB of memory and 0.6 GB of temporary disk.

How the GGUF file becomes an MLX model folder with the very same weights:
- Every tensor is dequantised to float32, with no rounding to a smaller type anywhere:
    Q4_1 (blocks of 32: float16 d, float16 m, 16 bytes): w = d * q + m, the low nibbles are elements 0-15 of the
         block and the high nibbles elements 16-31;
    Q8_0 (blocks of 32: float16 d, 32 int8): w = d * q;
    F32 as it is.
  This is done twice, by the code below and by `gguf.quants.dequantize`; a single differing bit stops the script.
- llama.cpp's converter permutes the rows of Q and K of llama models within each head, from (2, head_dim / 2) to
  (head_dim / 2, 2), so that rotary embedding works on neighbouring pairs. The inverse is applied, which gives
  Hugging Face's layout, and mlx-lm runs with `rope_traditional: false`.
- Names are mapped to Hugging Face's; `token_embd` is also the output head (`tie_word_embeddings: true`).
- The folder (config.json, model.safetensors) is loaded by `mlx_lm.utils.load_model`, which builds mlx-lm's own
  `mlx_lm.models.llama.Model`; no quantisation in the config, hence float32 throughout.

Tokens come from `mlx_lm.generate.generate_step` with its default greedy sampler, 64 per prompt, end tokens
included like any other. Logits are those of the last prompt position, from a call without a cache.
"""

import argparse
import hashlib
import importlib.metadata
import json
import tempfile
from pathlib import Path

import mlx.core as mx
import numpy as np
from gguf import GGMLQuantizationType, GGUFReader
from gguf.quants import dequantize
from mlx_lm.generate import generate_step
from mlx_lm.utils import load_model

import vocabulary

TOKENS = 64
# Two right engines may differ by 1e-3 in a logit: a prompt whose best two tokens ever come nearer proves nothing.
LEAST_LEAD = 0.005
HERE = Path(__file__).parent

PART_NAMES = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}

SYSTEM = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"

LONG = (
    "The history of the lighthouse is older than the history of the ships it guided. Before there were towers, "
    "people lit fires on hills so that those at sea could tell where the land began. A fire on a hill is a simple "
    "thing: it needs wood, somebody to carry the wood, and somebody who stays awake. In time the hills became "
    "platforms, the platforms became towers, and the wood became coal, oil, gas and at last electricity. Each "
    "change made the light brighter and the work of the keeper different. With coal the keeper shovelled; with oil "
    "he trimmed the wicks every few hours; with gas he watched the pressure; with electricity he mostly waited. "
    "What did not change was the reason for his being there. Somebody, somewhere in the dark, was counting the "
    "seconds between two flashes in order to know which light it was, and therefore where the rocks were. Every "
    "light has its own rhythm, written in books that sailors carry: three flashes every fifteen seconds, one long "
    "flash every ten, a white light that turns red when the ship stands in danger. A keeper who let the clockwork "
    "stop did not only fail to give a light; he gave a wrong one, and a wrong light is worse than none. This is why "
    "the rules were strict, the inspections frequent, and the log book the most important object in the tower. In "
    "the year 1858, an inspector wrote"
)

PROMPTS = {
    "English": "The three most important things to remember when planting a tree are",
    "code": 'def quicksort(items):\n    """Return the items in ascending order."""\n    if len(items) <= 1:\n        return items\n',
    "Japanese": "日本語の文章を書くときは、",
    "Russian": "Москва — столица России. Город расположен на реке",
    "numbers": "1, 1, 2, 3, 5, 8, 13, 21, 34,",
    "chat": SYSTEM + "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n",
    "chat of several turns": "<|im_start|>system\nAnswer briefly.<|im_end|>\n<|im_start|>user\nName a fruit.<|im_end|>\n"
    "<|im_start|>assistant\nApple 🍎<|im_end|>\n<|im_start|>user\nAnd how do I bake it?<|im_end|>\n<|im_start|>assistant\n",
    "long": LONG,
    "single token": "Hello",
}


def nibbles_q4_1(raw, shape):
    blocks = raw.reshape(-1, 20)
    scale = blocks[:, 0:2].copy().view(np.float16).astype(np.float32)
    minimum = blocks[:, 2:4].copy().view(np.float16).astype(np.float32)
    packed = blocks[:, 4:]
    values = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32)
    return (scale * values + minimum).reshape(shape)


def bytes_q8_0(raw, shape):
    blocks = raw.reshape(-1, 34)
    scale = blocks[:, 0:2].copy().view(np.float16).astype(np.float32)
    return (scale * blocks[:, 2:].copy().view(np.int8).astype(np.float32)).reshape(shape)


def float32(tensor):
    """The tensor's values, rows first, checked bit for bit against the gguf package."""
    shape = tuple(int(size) for size in reversed(tensor.shape))
    if tensor.tensor_type == GGMLQuantizationType.Q4_1:
        values = nibbles_q4_1(tensor.data, shape)
    elif tensor.tensor_type == GGMLQuantizationType.Q8_0:
        values = bytes_q8_0(tensor.data, shape)
    elif tensor.tensor_type == GGMLQuantizationType.F32:
        values = np.asarray(tensor.data, dtype=np.float32).reshape(shape)
    else:
        raise SystemExit(f"{tensor.name} is {tensor.tensor_type.name}: this script knows F32, Q4_1 and Q8_0")
    reference = dequantize(tensor.data, tensor.tensor_type).astype(np.float32).reshape(shape)
    if not np.array_equal(values.view(np.uint32), reference.view(np.uint32)):
        raise SystemExit(f"{tensor.name}: the gguf package dequantises it differently")
    return values


def unpermute(weight, heads):
    """Rows of each head from (head_dim / 2, 2) back to (2, head_dim / 2)."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def write_folder(path, fields, folder):
    heads = fields["llama.attention.head_count"]
    key_heads = fields["llama.attention.head_count_kv"]
    weights = {}
    for tensor in GGUFReader(path).tensors:
        values = float32(tensor)
        if tensor.name == "token_embd.weight":
            name = "model.embed_tokens.weight"
        elif tensor.name == "output_norm.weight":
            name = "model.norm.weight"
        else:
            _, layer, part, _ = tensor.name.split(".")
            name = f"model.layers.{layer}.{PART_NAMES[part]}.weight"
            if part == "attn_q":
                values = unpermute(values, heads)
            elif part == "attn_k":
                values = unpermute(values, key_heads)
        weights[name] = mx.array(np.ascontiguousarray(values))
    mx.save_safetensors(str(folder / "model.safetensors"), weights)
    config = {
        "model_type": "llama",
        "hidden_size": fields["llama.embedding_length"],
        "num_hidden_layers": fields["llama.block_count"],
        "intermediate_size": fields["llama.feed_forward_length"],
        "num_attention_heads": heads,
        "num_key_value_heads": key_heads,
        "rms_norm_eps": fields["llama.attention.layer_norm_rms_epsilon"],
        "rope_theta": fields["llama.rope.freq_base"],
        "rope_traditional": False,
        "max_position_embeddings": fields["llama.context_length"],
        "vocab_size": len(fields["tokenizer.ggml.tokens"]),
        "tie_word_embeddings": True,
    }
    (folder / "config.json").write_text(json.dumps(config))


def greedy(model, prompt):
    """64 greedy tokens, and the smallest lead the best token ever had over the second best (in logits)."""
    tokens, lead = [], float("inf")
    for token, logprobs in generate_step(mx.array(prompt), model, max_tokens=TOKENS):
        tokens.append(int(token))
        second, first = mx.sort(logprobs)[-2:].tolist()
        lead = min(lead, first - second)
    return tokens, lead


def main():
    parser = argparse.ArgumentParser(description="Write the greedy reference of the starter model.")
    parser.add_argument("gguf", type=Path)
    path = parser.parse_args().gguf
    fields = vocabulary.metadata(path)
    tokenizer = vocabulary.tokenizer(fields)

    with tempfile.TemporaryDirectory() as folder:
        write_folder(path, fields, Path(folder))
        model, _ = load_model(Path(folder))

    prompts, rows = [], []
    for name, text in PROMPTS.items():
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        logits = model(mx.array([ids]))[0, -1]
        if logits.dtype != mx.float32:
            raise SystemExit(f"logits are {logits.dtype}, not float32")
        tokens, lead = greedy(model, ids)
        if lead < LEAST_LEAD:
            raise SystemExit(f"{name}: the best two tokens come within {lead:.4f}; choose another prompt")
        rows.append(np.array(logits, dtype="<f4"))
        prompts.append({"name": name, "text": text, "prompt": ids, "greedy": tokens, "smallestLead": lead})
        print(f"{name}: {len(ids)} prompt tokens, smallest lead {lead:.4f}", flush=True)

    logits = np.stack(rows)
    (HERE / "smollm2-logits.f32").write_bytes(logits.tobytes())
    versions = {name: importlib.metadata.version(name) for name in ("mlx", "mlx-lm", "gguf", "numpy", "tokenizers")}
    result = {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "versions": versions,
        "logits": {"file": "smollm2-logits.f32", "rows": len(prompts), "columns": int(logits.shape[1])},
        "prompts": prompts,
    }
    lines = json.dumps(result, ensure_ascii=False, indent=1)
    (HERE / "smollm2-greedy.json").write_text(lines + "\n")


if __name__ == "__main__":
    main()
