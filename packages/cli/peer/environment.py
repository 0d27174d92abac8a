"""Says which of the packages that are named on the command line are here: {"python", "versions", "missing"}. Imports as little as it can."""

import importlib.metadata
import importlib.util
import json
import platform
import sys

versions, missing = {}, []
for name in sys.argv[1:]:
    if importlib.util.find_spec(name) is None:
        missing.append(name)
    else:
        versions[name] = importlib.metadata.version(name)
if "transformers" in versions and importlib.util.find_spec("transformers.models.gemma4") is None:
    missing.append(f"transformers with Gemma 4 (this is {versions['transformers']})")
print(json.dumps({"python": platform.python_version(), "versions": versions, "missing": missing}))
