"""Texts in Python's `tokenizers`.

Job: {"tokenizers": {name: path of tokenizer.json}, "texts": [...], "idLists": {name: [[...]]}}. Gives for every tokenizer the ids and the
decoded text of every text, and the text of every list of ids.
"""

from tokenizers import Tokenizer

import job as files


def main(job: dict) -> dict:
    result = {}
    for name, path in job["tokenizers"].items():
        tokenizer = Tokenizer.from_file(path)
        encoded = [tokenizer.encode(text, add_special_tokens=False).ids for text in job["texts"]]
        result[name] = {
            "ids": encoded,
            "decoded": [tokenizer.decode(ids, skip_special_tokens=False) for ids in encoded],
            "texts": [tokenizer.decode(ids, skip_special_tokens=True) for ids in job["idLists"][name]],
        }
    return result


if __name__ == "__main__":
    files.run(main)
