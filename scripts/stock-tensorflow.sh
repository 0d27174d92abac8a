#!/usr/bin/env bash
# Tries to fetch TensorFlow 2.9.1, the library that tfjs-node's own installer puts beside its binding, so that the tests of the TensorFlow
# backend run on such an installation too. It comes from a wheel: the archive that the installer fetches is out of reach of many machines.
# It fails nothing: where it cannot, those tests use the library of our own installation, or are skipped and say why.
say() { echo "stock TensorFlow: $*"; }

[ "$(uname -sm)" = "Linux x86_64" ] || { say "only on Linux x64"; exit 0; }
python=${NLAKIT_PYTHON:-python3}
folder=${NLAKIT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/nlakit}/tensorflow/stock-2.9.1
[ ! -e "$folder" ] || { say "there is one"; exit 0; }
mkdir -p "$(dirname "$folder")"
partial=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$partial"' EXIT
if timeout 180 "$python" -m pip download --quiet --no-deps --only-binary :all: --python-version 3.10 -d "$partial" tensorflow-cpu==2.9.1 > /dev/null 2>&1 &&
  "$python" - "$partial" << 'END'; then
import glob, re, sys, zipfile

wanted = re.compile(r"tensorflow/(libtensorflow_framework\.so\.2|python/_pywrap_tensorflow_internal\.so|include/tensorflow/(c|core/platform)/.*\.h)$")
wheel = zipfile.ZipFile(glob.glob(f"{sys.argv[1]}/*.whl")[0])
wheel.extractall(sys.argv[1], [name for name in wheel.namelist() if wanted.match(name)])
END
  mv "$partial/tensorflow" "$folder" && say "fetched"
else
  say "could not be fetched"
fi
exit 0
