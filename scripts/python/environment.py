"""Says which of the libraries that the comparisons need are here, in which version. Needs nothing itself.

    python environment.py job.json result.json

Job: {"needed"?: [names]}, by default all. Writes {"python": "3.11.7", "versions": {...}, "missing": [...]}. A library that cannot be imported counts as missing, with the reason.
"""

import importlib
import importlib.metadata
import json
import platform
import sys
from pathlib import Path

NEEDED = ["torch", "transformers", "peft", "bitsandbytes", "tokenizers", "safetensors", "numpy", "jinja2"]

needed = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")).get("needed", NEEDED)
versions, missing = {}, []
for name in needed:
    try:
        importlib.import_module(name)
        versions[name] = importlib.metadata.version(name)
    except Exception as error:  # noqa: BLE001: whatever an import can throw, the library is of no use
        missing.append(name if isinstance(error, ModuleNotFoundError) and error.name == name else f"{name} ({error})")
found = {"python": platform.python_version(), "versions": versions, "missing": missing}
Path(sys.argv[2]).write_text(json.dumps(found), encoding="utf-8")
