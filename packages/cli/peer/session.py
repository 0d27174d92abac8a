"""What the peer scripts share: one process measures one thing, each time it is asked to.

    python <script>.py

The first line of standard input is a JSON object of settings. The script prepares, prints one JSON object of facts, and then, for every
further line, measures once and prints one JSON object with `seconds` and `peakBytes`. It ends with its input. Whatever else a library
prints goes to standard error.
"""

import json
import os
import sys
from collections.abc import Callable

# Nothing is to be fetched.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

Measure = Callable[[], dict]


def peak_bytes() -> int:
    """Largest resident memory of this process so far."""
    try:
        # The counter of getrusage starts with the memory of the process that started this one.
        with open("/proc/self/status", encoding="ascii") as lines:
            return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else 1024 * most


def serve(prepare: Callable[[dict], tuple[Measure, dict]]) -> None:
    """Runs a script: `prepare` takes the settings and returns what measures once, and facts about what was made."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(value: dict) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    measure, facts = prepare(json.loads(sys.stdin.readline()))
    import torch

    answer({"threads": torch.get_num_threads(), **facts})
    while sys.stdin.readline():
        answer({**measure(), "peakBytes": peak_bytes()})
