"""Safetensors files in the reference library.

Job: {"files": {name: path}, "cases": {name: hex}}. Gives the tensors of every file (dtype, shape, sha256 of the bytes) with its metadata,
and for every case "OK" or "ERR" with the library's message.
"""

import hashlib
from pathlib import Path

from safetensors import SafetensorError, deserialize, safe_open

import job as files


def verdict(content: bytes) -> str:
    try:
        deserialize(content)
    except SafetensorError as error:
        return f"ERR {error}"
    return "OK"


def contents(path: str) -> dict:
    tensors = {
        name: {"dtype": one["dtype"], "shape": list(one["shape"]), "sha256": hashlib.sha256(bytes(one["data"])).hexdigest()}
        for name, one in deserialize(Path(path).read_bytes())
    }
    with safe_open(path, framework="np") as opened:
        return {"tensors": tensors, "metadata": opened.metadata()}


def main(job: dict) -> dict:
    return {
        "files": {name: contents(path) for name, path in job["files"].items()},
        "cases": {name: verdict(bytes.fromhex(content)) for name, content in job["cases"].items()},
    }


if __name__ == "__main__":
    files.run(main)
