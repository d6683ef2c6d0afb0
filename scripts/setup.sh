#!/usr/bin/env bash
# Installs the Debian packages that building, testing or measuring needs, and nothing that is already there. Safe to run again.
# Usage: scripts/setup.sh [--build | --test | --bench] [--browser]      (default: --test)
set -euo pipefail

wanted=test
browser=no
for argument in "$@"; do
  case "$argument" in
    --build) wanted=build ;;
    --test) wanted=test ;;
    --bench) wanted=bench ;;
    --browser) browser=yes ;;
    *) echo "setup: unknown option $argument; see the head of $0" >&2; exit 2 ;;
  esac
done

missing=()
# need PACKAGE WHY PATTERN...: the package is missing when no file matches any of the patterns.
need() {
  local package=$1 why=$2 pattern
  shift 2
  for pattern in "$@"; do
    if compgen -G "$pattern" >/dev/null; then
      return
    fi
  done
  echo "setup: $package is missing: $why"
  missing+=("$package")
}
# in_path PACKAGE COMMAND WHY: the package is missing when its command is not in the path.
in_path() {
  if ! command -v "$2" >/dev/null; then
    echo "setup: $1 is missing: $3"
    missing+=("$1")
  fi
}

if ! command -v cargo >/dev/null; then
  echo "setup: cargo is not in the path. Install Rust (rustup or Debian's), version 1.95 or later, then run this again." >&2
  exit 1
fi
in_path gcc cc "the C parts of SQLite and of the cryptographic library are compiled here"
in_path make make "runs the tasks"
in_path git git "the house checks ask it which files there are"

if [ "$wanted" != build ]; then
  need postgresql "the data layer is tested on a real PostgreSQL" '/usr/lib/postgresql/*/bin/initdb'
  need softhsm2 "keys in a PKCS#11 device are tested on SoftHSM" '/usr/lib/softhsm/libsofthsm2.so' '/usr/lib/*/softhsm/libsofthsm2.so'
  in_path openssl openssl "certificates, OCSP answers and time-stamps are checked by a second program"
  in_path xmlsec1 xmlsec1 "XML signatures are checked by a second program"
  in_path libxml2-utils xmllint "XML is checked against its schemas"
fi
if [ "$wanted" = bench ]; then
  in_path nginx nginx "the peer that the gateway is measured against"
  in_path wrk wrk "makes the load"
fi
if [ "$browser" = yes ]; then
  in_path chromium chromium "pages are looked at in a real browser"
  need fonts-dejavu-core "letters of Vietnamese in that browser" "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
fi

if [ ${#missing[@]} -eq 0 ]; then
  echo "setup: everything needed for $wanted is there"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: installing needs root. Run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
if ! command -v apt-get >/dev/null; then
  echo "setup: this is not Debian. Install what corresponds to: ${missing[*]}" >&2
  exit 1
fi
echo "setup: installing ${missing[*]} with apt-get"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "setup: done"
