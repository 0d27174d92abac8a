"""What the scripts of this folder share: a job read from one JSON file, a result written to another, tensors in between.

    python <script>.py job.json result.json

A tensor is {"shape": [...], "dtype": "f32", "data": base64 of the little-endian row-major values}.
"""

import base64
import contextlib
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np


def run(action: Callable[[dict], object]) -> None:
    """Runs a script's action on the job named on the command line."""
    job, result = (Path(argument) for argument in sys.argv[1:3])
    value = action(json.loads(job.read_text(encoding="utf-8")))
    result.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def pack(values: object) -> dict:
    """A tensor of torch or numpy as f32."""
    array = values.detach().float().cpu().numpy() if hasattr(values, "detach") else np.asarray(values)
    array = np.ascontiguousarray(array, dtype="<f4")
    return {"shape": list(array.shape), "dtype": "f32", "data": base64.b64encode(array.tobytes()).decode()}


def unpack(tensor: dict) -> np.ndarray:
    """The inverse of `pack`."""
    return np.frombuffer(base64.b64decode(tensor["data"]), dtype="<f4").reshape(tensor["shape"]).copy()


@contextlib.contextmanager
def caught() -> Iterator[list[str]]:
    """Collects the texts of all warnings."""
    texts: list[str] = []
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        yield texts
    texts.extend(str(one.message) for one in found)
