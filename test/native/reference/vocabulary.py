"""Builds Rust `tokenizers` tokenizers from the vocabulary of a GGUF file.

The vocabulary and the merges come from the file; how text is split before merging is not in the file (it only
names a scheme in `tokenizer.ggml.pre`), so the published `tokenizer.json` of each family is repeated here.
"""

from gguf import GGUFReader
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers

CONTROL = 3
USER_DEFINED = 4

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


def byte_level(use_regex):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=use_regex)


def split(pattern):
    return pre_tokenizers.Split(Regex(pattern), behavior="isolated", invert=False)


# llama.cpp's `default`; there is no tokenizer.json of it.
DEFAULT = [
    r"[\p{P}\$\+<=>\^~\|]+",
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    r"\p{N}+",
    "[0-9][0-9][0-9]",
]

SCHEMES = {
    # HuggingFaceTB/SmolLM2-135M-Instruct: digits one by one, then GPT-2's own pattern.
    "smollm": lambda: pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level(True)]),
    # openai-community/gpt2
    "gpt-2": lambda: byte_level(True),
    "default": lambda: pre_tokenizers.Sequence([*map(split, DEFAULT), byte_level(False)]),
    # meta-llama/Meta-Llama-3-8B
    "llama-bpe": lambda: pre_tokenizers.Sequence([split(LLAMA3), byte_level(False)]),
    # Qwen/Qwen2.5-7B (its NFC normalizer left out: a GGUF file does not carry it and llama.cpp applies none)
    "qwen2": lambda: pre_tokenizers.Sequence([split(QWEN2), byte_level(False)]),
}


def metadata(path):
    """All metadata of the file as Python values."""
    return {key: field.contents() for key, field in GGUFReader(path).fields.items()}


def pre_tokenizer(scheme):
    return SCHEMES[scheme]()


def tokenizer(fields, scheme=None, control=True):
    """A tokenizer over the file's vocabulary, split by `scheme` (default: the one the file names).

    Without `control`, text that spells a control token is text like any other.
    """
    scheme = scheme or fields["tokenizer.ggml.pre"]
    tokens = fields["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ", 1)) for merge in fields["tokenizer.ggml.merges"]]
    result = Tokenizer(
        models.BPE({token: index for index, token in enumerate(tokens)}, merges, ignore_merges=scheme == "llama-bpe")
    )
    result.pre_tokenizer = pre_tokenizer(scheme)
    if not control:
        return result
    types = fields["tokenizer.ggml.token_type"]
    added = [index for index, kind in enumerate(types) if kind in (CONTROL, USER_DEFINED)]
    result.add_special_tokens(
        [AddedToken(tokens[index], normalized=False, special=types[index] == CONTROL) for index in added]
    )
    return result
