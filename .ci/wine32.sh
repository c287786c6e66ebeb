#!/usr/bin/env bash
# Make build/wine32: a small 32-bit Debian with a 32-bit Wine, to run the tests of the x86 DLL in. Not every mirror has
# wine32 as a foreign package, so it gets a root of its own. About two minutes, once; 700 MB. Nothing is mounted in it.
# Where it cannot be made it says why and ends with 0: the tests that need it say that they are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
target=build/wine32
[ -e "$target/made" ] && exit 0

give_up() {
  echo "precheck: no 32-bit Wine: $1; tests of the x86 DLL will be skipped" >&2
  exit 0
}

[ "$(uname -m)" = x86_64 ] || give_up "this is $(uname -m)"
[ "$(id -u)" -eq 0 ] || give_up "only root can make it"
.ci/system-packages.sh debootstrap || give_up "debootstrap cannot be installed"
# The system's own mirror and release, so that a mirror that works for apt works here.
site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -n 1)
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
[ -n "$site" ] && [ -n "$codename" ] || give_up "this system's apt names no mirror or release"
log=$PWD/build/wine32.log
echo "precheck: making a 32-bit Wine in $target (about two minutes; log in build/wine32.log)" >&2
rm -rf "$target"
debootstrap --arch=i386 --variant=minbase "$codename" "$target" "$site" >"$log" 2>&1 ||
  give_up "debootstrap failed, see build/wine32.log"
DEBIAN_FRONTEND=noninteractive chroot "$target" apt-get install -y -qq --no-install-recommends wine wine32 >>"$log" 2>&1 ||
  give_up "wine32 cannot be installed, see build/wine32.log"
rm -rf "$target"/var/cache/apt/archives/*.deb
touch "$target/made"
