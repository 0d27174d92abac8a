"""Writes the golden files of the tokenizer tests: what Python's `tokenizers` and transformers make of given texts.

    python scripts/python/make_tokenizer_goldens.py

Needs tokenizers, transformers and jinja2 (no torch). Makes plugins/model-gemma4/src/__fixtures__/tokenizer/:

- gemma-like/: a tokenizer with the pipeline of the Gemma files (blanks become U+2581, byte-fallback BPE, no dummy prefix, BOS by the
  post-processor; runs of newlines, tabs and blanks and HTML tags as added tokens), trained on the texts below;
- gemma-like.json, tiny-gemma4.json: ids, tokens and decoded text of every case;
- chat.json: chat templates in the form of the published ones, and what transformers renders.
"""

import json
from pathlib import Path

import jinja2
import tokenizers
import transformers
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "plugins/model-gemma4/src/__fixtures__/tokenizer"
TINY = ROOT / "packages/tiny-gemma4/model/tokenizer.json"

CORPUS = [
    "The autoencoder explains what the vector of the residual stream means, in words.",
    "<explanation>A kind of animal; the text is about birds and their songs.</explanation>",
    "def f(x):\n    return x + 1\n\n\nprint(f(41))\n",
    "<p>He said: <b>yes</b></p><br>\n<ul>\n<li>one</li>\n<li>two</li>\n</ul>",
    "In 1905 and 2024 there were 365 days, 3.14159 and 1,000,000.",
    "Die Größe der Straße überraschte; l'été où naïve façade; señor, año.",
    "Русский текст и 日本語の文章 and العربية and हिन्दी.",
    "The mark ㊗ or ㈜ or ㉐ stands for the vector: <concept>㊗</concept>. 0123456789",
    "I can't, won't, don't. \"Quoted\" 'single' (round) [square] {curly}",
    "www.example.org/path?query=1&other=2#part user@example.org C:\\temp\\file.txt",
]

TEXTS = {
    "empty": "",
    "one blank": " ",
    "plain": "The residual stream explains birds.",
    "one leading blank": " leading",
    "two leading blanks": "  leading",
    "trailing blanks": "trailing   ",
    "runs of blanks": "a  b   c          d" + " " * 40 + "e",
    "the blank's own mark": "a\u2581b \u2581\u2581c",
    "newlines": "one\ntwo\n\nthree\n\n\nfour\n\n\n\n",
    "Windows newlines": "one\r\ntwo\r\n\r\nthree\rfour",
    "tabs": "\tone\ttwo\t\tthree\n\t\tfour",
    "only white space": " \n \t \n",
    "digits": "0 12 345 6789 3.14159 1,000,000 -273.15 1e-8 0x1F",
    "emoji": "😀 👍🏽 👩‍👩‍👧‍👦 🇺🇳 ❤️ 😀😀",
    "HTML": '<p class="x">He said: <b>yes</b> &amp; <br/>no</p>\n<ul><li>one</li></ul><!-- c --><unknown>',
    "mixed scripts": "Straße, naïve, Ελληνικά, Русский, 日本語, 한국어, العربية, עברית, हिन्दी, ไทย",
    "combining marks": "e\u0301 é A\u030a Å \u1e9b\u0323 ﬁ ① Ⅳ ㎏",
    "marks of injection": "\u3200 \u321c \u3250 \u3297㊗\u32b0\u32ff x㊗y <concept>㊗</concept>",
    "astral and private": "𝔘𝔫𝔦 \U0010fffd \ue000 \ufffd \ufeff end",
    "control characters": "a\u0000b\u0001c\u007fd\u0085e\u00a0f\u2028g\u200bh",
    "white space beyond ASCII": "\ufeff\ufeffa \ufeff! \u0085\u0085 b\u00a0\u00a0c\u2003 d\u3000\u3000e\u180ef",
    "special tokens": "<bos>one<eos><pad><unk><mask>",
    "special tokens in text": "a <bos> b<eos> c",
    "turns": "<|turn>user\nHello there<turn|>\n<|turn>model\n",
    "nearly special": "< bos> <bos > <|turn> <|turn |> <BOS>",
    "nested tags": "<explanation>It's <i>birds</i></explanation><concept>",
    "code": "def f(x):\n    return {'a': [x, \"y\"]}  # note\n\n\nif x:\n\treturn\n",
    "address": "https://www.example.org/path?query=1&other=2#part user@example.org C:\\temp\\file.txt",
    "contractions": "I can't, won't, they'll; it's 'quoted' \"twice\" -- and...",
    "one long word": "antidisestablishmentarianism" * 4,
    "repeated letters": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "long": "The text is about birds and their songs.\n" * 12,
}

SPECIAL = ["<pad>", "<eos>", "<bos>", "<unk>"]
RESERVED = ["<mask>", "[multimodal]", "<|think|>", "<|channel>", "<channel|>", "<|turn>", "<turn|>"]
HTML = ["<table>", "<ul>", "</ul>", "<li>", "</li>", "<b>", "</b>", "<p>", "</p>", "<br>", "<i>", "</i>"]
RUNS = ["\n" * n for n in range(1, 5)] + ["\t" * n for n in range(1, 4)] + ["\u2581" * n for n in range(2, 9)]

PIPELINE = {
    "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
    "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
    "post_processor": {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<bos>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [
            {"SpecialToken": {"id": "<bos>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "<bos>", "type_id": 1}},
            {"Sequence": {"id": "B", "type_id": 1}},
        ],
        "special_tokens": {"<bos>": {"id": "<bos>", "ids": [2], "tokens": ["<bos>"]}},
    },
    "decoder": {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
        ],
    },
}

TURNS = (
    "{{ bos_token }}"
    "{%- if messages[0]['role'] in ['system', 'developer'] -%}"
    "{{ '<|turn>system\n' }}{%- if enable_thinking is defined and enable_thinking -%}{{ '<|think|>\n' }}{%- endif -%}"
    "{{ messages[0]['content'] | trim }}{{ '<turn|>\n' }}"
    "{%- set loop_messages = messages[1:] -%}"
    "{%- else -%}{%- set loop_messages = messages -%}{%- endif -%}"
    "{%- for message in loop_messages -%}"
    "{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}"
    "{%- endif -%}"
    "{%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}"
    "{{ '<|turn>' + role + '\n' }}"
    "{%- if message['content'] is string -%}"
    "{%- if role == 'model' and '<channel|>' in message['content'] -%}{{ message['content'].split('<channel|>')[-1] | trim }}"
    "{%- else -%}{{ message['content'] | trim }}{%- endif -%}"
    "{%- else -%}{%- for item in message['content'] -%}{%- if item['type'] == 'text' -%}{{ item['text'] | trim }}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}"
    "{{ '<turn|>\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|turn>model\n' }}{%- endif -%}"
)
MACROS = """{{- bos_token -}}
{%- macro turn(role, text) -%}
<|turn>{{ role }}
{{ text | trim }}<turn|>
{% endmacro -%}
{%- set ns = namespace(system='', index=0) -%}
{%- for message in messages -%}
    {%- if message.role == 'system' -%}
        {%- set ns.system = message.content -%}
    {%- else -%}
        {%- if ns.system and ns.index == 0 -%}
            {{- turn('system', ns.system) -}}
        {%- endif -%}
        {%- set ns.index = ns.index + 1 -%}
        {{- turn('model' if message.role == 'assistant' else message.role, message.content) -}}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
<|turn>model
<|channel>thought
<channel|>
{%- endif -%}
"""
TEMPLATES = {"turns": TURNS, "macros and an empty thought": MACROS}
CHATS = {
    "one question": [("user", "What is it?")],
    "blanks around and lines within": [("user", "  \n What\n\nis it?\t\n ")],
    "a system text": [("system", "You are terse."), ("user", "What is it?")],
    "several turns": [
        ("user", "One?"),
        ("assistant", "First."),
        ("user", "Two?"),
        ("assistant", "<|channel>thought\nhm<channel|> Second. "),
        ("user", "Three?"),
    ],
    "marks and markup": [("user", "<concept>㊗</concept> <b>x</b> {{ y }} {% z %} 'q' \"r\" \\n 😀")],
    "an empty question": [("user", "")],
    "roles in the wrong order": [("user", "One?"), ("user", "Two?")],
}


def gemma_like() -> dict:
    """The definition of the Gemma-like tokenizer, vocabulary in the order of the published files."""
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.normalizer = normalizers.Replace(" ", "\u2581")
    # Pieces for training only: a mark stays with the word behind it, a digit is alone.
    trained.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex("\u2581[^\u2581\\n\\t]*|[\\n\\t]+"), "isolated"),
            pre_tokenizers.Digits(individual_digits=True),
        ]
    )
    trained.train_from_iterator(CORPUS * 4, trainers.BpeTrainer(vocab_size=420, show_progress=False, special_tokens=[]))
    model = json.loads(trained.to_str())["model"]
    tokens = [*SPECIAL, *RESERVED, *RUNS, *HTML, *(f"<0x{byte:02X}>" for byte in range(256))]
    tokens += [token for token in sorted(model["vocab"], key=model["vocab"].get) if token not in tokens]
    vocab = {token: index for index, token in enumerate(tokens)}
    # As in the published files: runs of white space merge, too, in every way to cut them.
    run_merges = []
    for mark, longest in (("\n", 4), ("\t", 3), ("\u2581", 8)):
        for length in range(longest, 1, -1):
            run_merges += [[mark * left, mark * (length - left)] for left in range(length - 1, 0, -1)]
    added = [
        {
            "id": vocab[token],
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": token in SPECIAL or token in ("<|turn>", "<turn|>"),
        }
        for token in [*SPECIAL, *RESERVED, *RUNS, *HTML]
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        **PIPELINE,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": vocab,
            "merges": run_merges + model["merges"],
        },
    }


def cases(tokenizer: Tokenizer) -> list[dict]:
    result = []
    for name, text in TEXTS.items():
        plain = tokenizer.encode(text, add_special_tokens=False)
        result.append(
            {
                "name": name,
                "text": text,
                "ids": plain.ids,
                "tokens": plain.tokens,
                "withSpecial": tokenizer.encode(text).ids,
                "decoded": tokenizer.decode(plain.ids, skip_special_tokens=False),
                "decodedWithoutSpecial": tokenizer.decode(plain.ids, skip_special_tokens=True),
            }
        )
    return result


def decodings(tokenizer: Tokenizer) -> list[dict]:
    """Ids that no text gives: what a model may generate."""
    ids = {name: tokenizer.encode(text, add_special_tokens=False).ids for name, text in TEXTS.items()}
    emoji, marks, end = ids["emoji"], ids["marks of injection"], len(tokenizer.get_vocab(with_added_tokens=True))
    lists = [
        *(emoji[:length] for length in range(1, 14)),
        *(emoji[start:] for start in range(1, 6)),
        *(marks[:length] for length in range(1, 9)),
        [*emoji[:2], *ids["plain"]],
        [*ids["plain"], *marks[:2], *emoji[:4]],
        [*ids["plain"][:2], end, end + 5, *ids["plain"][2:]],
        [end],
        [2, 2, *ids["plain"], 1, 0, 0],
        ids["astral and private"][-10:],
    ]
    return [
        {
            "ids": one,
            "decoded": tokenizer.decode(one, skip_special_tokens=False),
            "decodedWithoutSpecial": tokenizer.decode(one, skip_special_tokens=True),
        }
        for one in lists
    ]


def chats(tokenizer_file: Path) -> list[dict]:
    fast = PreTrainedTokenizerFast(tokenizer_file=str(tokenizer_file), bos_token="<bos>", eos_token="<eos>", pad_token="<pad>")
    result = []
    for template_name, template in TEMPLATES.items():
        for name, chat in CHATS.items():
            messages = [{"role": role, "content": content} for role, content in chat]
            one = {"template": template_name, "name": name, "messages": messages}
            try:
                text = fast.apply_chat_template(messages, chat_template=template, tokenize=False, add_generation_prompt=True)
                ids = fast.apply_chat_template(messages, chat_template=template, tokenize=True, add_generation_prompt=True)
                one |= {"text": text, "ids": ids["input_ids"] if hasattr(ids, "keys") else ids}
            except jinja2.exceptions.TemplateError as error:
                one |= {"error": str(error)}
            result.append(one)
    return result


def write(name: str, value: object, indent: int | None = 1) -> None:
    (OUT / name).write_text(json.dumps(value, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8")


def main() -> None:
    folder = OUT / "gemma-like"
    folder.mkdir(parents=True, exist_ok=True)
    write("gemma-like/tokenizer.json", gemma_like(), None)
    config = {
        "add_bos_token": True,
        "bos_token": "<bos>",
        "eos_token": "<eos>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "clean_up_tokenization_spaces": False,
        "tokenizer_class": "GemmaTokenizerFast",
    }
    write("gemma-like/tokenizer_config.json", config)
    made_by = {"tokenizers": tokenizers.__version__}
    for name, file in (("gemma-like", folder / "tokenizer.json"), ("tiny-gemma4", TINY)):
        tokenizer = Tokenizer.from_file(str(file))
        write(f"{name}.json", {"madeBy": made_by, "cases": cases(tokenizer), "decodings": decodings(tokenizer)})
    versions = {**made_by, "transformers": transformers.__version__, "jinja2": jinja2.__version__}
    write("chat.json", {"madeBy": versions, "templates": TEMPLATES, "cases": chats(folder / "tokenizer.json")})


if __name__ == "__main__":
    main()
