#!/usr/bin/env bash
# Install the named Debian packages, but only those that are missing, as root or through sudo.
# Where neither works it says what to install and stops. usage: .ci/system-packages.sh PACKAGE...
set -euo pipefail

missing=()
for package in "$@"; do
  # A compiler or a Python that did not come from apt serves as well.
  case "$package" in
    gcc) command -v gcc >/dev/null && command -v cc >/dev/null && continue ;;
    g++) command -v g++ >/dev/null && continue ;;
    binutils) command -v ar >/dev/null && command -v nm >/dev/null && command -v readelf >/dev/null && continue ;;
    openssl) command -v openssl >/dev/null && continue ;;
    default-jdk-headless) command -v javac >/dev/null && command -v java >/dev/null && continue ;;
    postgresql) { command -v postgres || ls /usr/lib/postgresql/*/bin/postgres; } >/dev/null 2>&1 && continue ;;
    make) command -v make >/dev/null && continue ;;
    python3-venv) python3 -c 'import ensurepip, venv' 2>/dev/null && continue ;;
    python3-dev) python3 -c 'import os, sysconfig; raise SystemExit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' 2>/dev/null && continue ;;
  esac
  dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "precheck: these packages are missing and this system has no apt-get: ${missing[*]}" >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! sudo -n true 2>/dev/null; then
    echo "precheck: please install these packages first (neither root nor passwordless sudo here):" >&2
    echo "  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "precheck: installing ${missing[*]}" >&2
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
