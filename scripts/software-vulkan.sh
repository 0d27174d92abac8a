#!/usr/bin/env bash
# Tries to give a Debian or Ubuntu machine a Vulkan driver that computes on the CPU, so that the tests of the webgpu backend run. It
# fails nothing: where it cannot, the tests are skipped and say why. Debian 12's own Mesa lacks what Dawn asks for; its backports have it.
say() { echo "software Vulkan driver: $*"; }

[ "$(uname -s)" = Linux ] || { say "only on Linux"; exit 0; }
if compgen -G '/usr/share/vulkan/icd.d/*' > /dev/null || compgen -G '/etc/vulkan/icd.d/*' > /dev/null; then say "there is one"; exit 0; fi
[ "$(id -u)" = 0 ] && command -v apt-get > /dev/null || { say "needs root and apt-get"; exit 0; }

. /etc/os-release
timeout 60 apt-get update -qq > /dev/null 2>&1
from=()
if [ "${VERSION_CODENAME:-}" = bookworm ]; then
  # The archive this machine already uses, with the suite it lacks.
  archive=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 'Created-By: Packages' | sort -u | head -1)
  [ -n "$archive" ] || { say "apt knows no archive of bookworm"; exit 0; }
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -e "$keys" ] && signed="[signed-by=$keys] " || signed=
  list=/etc/apt/sources.list.d/nlakit-backports.list
  echo "deb $signed$archive bookworm-backports main" > "$list"
  from=(-t bookworm-backports)
fi
if timeout 60 apt-get update -qq > /dev/null 2>&1 &&
  DEBIAN_FRONTEND=noninteractive timeout 180 apt-get install -y -qq --no-install-recommends "${from[@]}" mesa-vulkan-drivers libvulkan1 > /dev/null 2>&1; then
  say "installed"
else
  [ ${#from[@]} = 0 ] || rm -f "$list"
  say "could not be installed"
fi
exit 0
