"""Makes small-tokenizers.json: three small tokenizers and what their original libraries make of tricky texts.

    VENV/bin/python make_small_reference.py

Set-up as for make_reference.py; takes seconds and needs no model. The tokenizers are trained here on the test texts:
- `byteLevel`: Rust `tokenizers`, without any splitting in training, so that merges reach across words and every
  scheme of vocabulary.py gives other tokens. Stored the way a GGUF header does.
- `json`: the same as a whole `tokenizer.json` with an NFC normalizer, LLaMA 3's split, `ignore_merges`, a begin
  token from the post-processor, and added tokens of which one swallows the spaces behind it.
- `sentencePiece`: Google's `sentencepiece` (BPE with byte fallback), stored the way a GGUF header does.
- `fallbackJson`: the same vocabulary as a `tokenizer.json` in the style of LLaMA 2, run by Rust `tokenizers`.
"""

import io
import json
from pathlib import Path

import sentencepiece
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import vocabulary
from make_tokenizer_reference import CONTROL, PLAIN

HERE = Path(__file__).parent
TEXTS = PLAIN + CONTROL
CORPUS = [text for text in TEXTS if text.strip()] * 3
MARKED = ["<s>Hello</s>", "a<s> b </s>  c", "<s></s>", "x <sep>   y<sep>\n z", "caf\u0065\u0301 <s>e\u0301"]


def rows(texts, encode):
    return [{"text": text, "tokens": encode(text)} for text in texts]


def byte_level():
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    trained.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=900,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            max_token_length=12,
            special_tokens=["<s>", "</s>", "<sep>"],
            show_progress=False,
        ),
    )
    model = json.loads(trained.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    return tokens, [tuple(merge) for merge in model["merges"]], model["vocab"]


def by_scheme(vocab, merges):
    def encode(text):
        result = {}
        for scheme in vocabulary.SCHEMES:
            one = Tokenizer(models.BPE(vocab, merges, ignore_merges=scheme == "llama-bpe"))
            one.pre_tokenizer = vocabulary.pre_tokenizer(scheme)
            result[scheme] = one.encode(text).ids
        return result

    return encode


def whole_json(vocab, merges):
    one = Tokenizer(models.BPE(vocab, merges, ignore_merges=True))
    one.normalizer = normalizers.NFC()
    one.pre_tokenizer = vocabulary.pre_tokenizer("llama-bpe")
    one.decoder = decoders.ByteLevel()
    one.add_special_tokens([AddedToken("<s>", normalized=False), AddedToken("</s>", normalized=False)])
    one.add_tokens([AddedToken("<sep>", rstrip=True, normalized=False)])
    one.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", vocab["<s>"])])
    return one


def sentence_piece():
    buffer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([line for text in CORPUS for line in text.split("\n") if line.strip()]),
        model_writer=buffer,
        model_type="bpe",
        vocab_size=900,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        split_digits=True,
        character_coverage=0.99,
        minloglevel=2,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=buffer.getvalue())


def kind(model, token):
    if model.is_unknown(token):
        return 2
    if model.is_control(token):
        return 3
    return 6 if model.is_byte(token) else 1


def fallback_json(tokens, scores):
    """LLaMA 2's tokenizer.json: every way to cut a token in two is a merge, the better score first."""
    vocab = {token: index for index, token in enumerate(tokens)}
    order = sorted(range(len(tokens)), key=lambda index: (-scores[index], index))
    merges = [
        (token[:cut], token[cut:])
        for token in (tokens[index] for index in order)
        for cut in range(1, len(token))
        if not token.startswith("<") and token[:cut] in vocab and token[cut:] in vocab
    ]
    one = Tokenizer(models.BPE(vocab, merges, byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    one.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    one.add_special_tokens([AddedToken("<s>", normalized=False), AddedToken("</s>", normalized=False)])
    one.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", vocab["<s>"])])
    return one


def main():
    tokens, merges, vocab = byte_level()
    json_style = whole_json(vocab, merges)
    model = sentence_piece()
    size = model.vocab_size()
    pieces = [model.id_to_piece(token) for token in range(size)]
    scores = [model.get_score(token) for token in range(size)]
    # SentencePiece takes U+0000 for the end of the text.
    texts = [text for text in TEXTS if text and "\x00" not in text]
    fallback = fallback_json(pieces, scores)
    result = {
        "byteLevel": {
            "tokens": tokens,
            "merges": [" ".join(merge) for merge in merges],
            "texts": rows(TEXTS, by_scheme(vocab, merges)),
        },
        "json": {
            "tokenizer": json.loads(json_style.to_str()),
            "texts": rows(TEXTS + MARKED, lambda text: json_style.encode(text).ids),
        },
        "sentencePiece": {
            "tokens": pieces,
            "scores": scores,
            "kinds": [kind(model, token) for token in range(size)],
            "texts": rows(texts, model.encode),
        },
        "fallbackJson": {
            "tokenizer": json.loads(fallback.to_str()),
            "texts": rows(texts + MARKED, lambda text: fallback.encode(text).ids),
        },
    }
    lines = json.dumps(result, ensure_ascii=True).replace('{"text"', '\n{"text"')
    (HERE / "small-tokenizers.json").write_text(lines + "\n")


if __name__ == "__main__":
    main()
