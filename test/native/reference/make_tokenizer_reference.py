"""Makes smollm2-tokens.json: what the Rust `tokenizers` library makes of tricky texts.

    VENV/bin/python make_tokenizer_reference.py path/to/SmolLM2-135M-Instruct.Q4_1.gguf

Set-up as for make_reference.py. Each text is tokenised with the vocabulary of the file under every scheme of
vocabulary.py: a different way to split gives different tokens with the same vocabulary, so one small vocabulary
tests them all. `control` are texts in which control tokens count, `plain` ones in which the same characters don't.
"""

import argparse
import json
from pathlib import Path

import vocabulary

HERE = Path(__file__).parent

PLAIN = [
    "",
    "a",
    " ",
    "Hello, world!",
    "I'm sure they've said we'll go; you're right, he'd come, it's DON'T.",
    "I'M SURE THEY'VE SAID WE'LL GO, ſ'ſ it'ſ",
    "The year 1858, 3.14159, 1,000,000 and 0x7F.",
    "1234567890 12 345 6789",
    "²½Ⅷ ١٢٣ ४५६ ①②③ 一二三",
    "    four spaces\n\ttab\n\n\n  two newlines before",
    "trailing spaces   ",
    "   \n   \n",
    "\r\nWindows\r\n\r\nlines\r",
    "a\u00a0no-break\u2003em\u3000ideographic\u200bzero\u0085next\ufeffmark\u180evowel",
    "\u0085\u0085 x\ufeff y\ufeff\ufeff",
    "東京は日本の首都であり、世界で最も人口が多い。",
    "中文分词测试：你好，世界！１２３",
    "한국어 문장을 토큰으로 나눕니다.",
    "Москва — столица России.",
    "العربية: السلام عليكم ١٢٣",
    "हिन्दी में कुछ शब्द",
    "ภาษาไทยไม่มีช่องว่าง",
    "e\u0301 a\u0308 n\u0303 o\u0302\u0301 Z̷̛̤a̴͎̓l̶̩̈́g̵̘̈o",
    "🍎 👩‍👩‍👧‍👦 🇫🇷 👍🏽 ☺️ 1️⃣",
    "🧑🏿‍🚀🧑🏿‍🚀text🧑🏿‍🚀",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 \U0010fffd \U000e0041",
    "def f(x):\n    return x ** 2 if x >= 0 else -x  # ok?\n",
    "for (int i = 0; i < n; ++i) { a[i] += b[i] && !c; }",
    "https://example.org/a/b?c=d&e=%20#f user@example.org",
    "\\n \\u0041 $HOME `code` ~tilde~ ^caret^ |pipe| <tag attr=\"x\">",
    "!!!???...---___***",
    "CamelCaseAndsnake_case_and-kebab-case",
    "\u0000\u0001\u001f\u007f",
    "x" * 300,
    " " * 100 + "x",
    "\n" * 50,
    "ab" * 100 + "12" * 20,
]

CONTROL = [
    "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|><|im_end|><|endoftext|>",
    "a <|im_end|> b<|im_end",
    "<|<|im_end|>|>",
    "<repo_name>x<file_sep>y",
]


def main():
    parser = argparse.ArgumentParser(description="Write the reference tokens of tricky texts.")
    parser.add_argument("gguf", type=Path)
    path = parser.parse_args().gguf
    fields = vocabulary.metadata(path)
    tokenizers = {scheme: vocabulary.tokenizer(fields, scheme) for scheme in vocabulary.SCHEMES}
    without_control = {scheme: vocabulary.tokenizer(fields, scheme, control=False) for scheme in vocabulary.SCHEMES}

    def row(text, chosen):
        return {"text": text, "tokens": {scheme: one.encode(text).ids for scheme, one in chosen.items()}}

    result = {
        "file": path.name,
        "plain": [row(text, without_control) for text in PLAIN + CONTROL],
        "control": [row(text, tokenizers) for text in CONTROL],
    }
    # One line per text keeps differences readable.
    lines = json.dumps(result, ensure_ascii=True).replace('{"text"', '\n{"text"')
    (HERE / "smollm2-tokens.json").write_text(lines + "\n")


if __name__ == "__main__":
    main()
