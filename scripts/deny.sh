#!/usr/bin/env bash
# Checks the dependencies against deny.toml with cargo-deny, when it is there; DENY=install fetches it once into ~/.cache.
# Known vulnerabilities are checked when the advisory database can be reached, or was fetched before; if not, it says so.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.20.2
tools=${XDG_CACHE_HOME:-$HOME/.cache}/lienthong-tools
export PATH=$PATH:$tools/bin
if ! command -v cargo-deny >/dev/null; then
  if [ "${DENY:-}" != install ]; then
    echo "NOT CHECKED: cargo-deny is not installed (DENY=install scripts/deny.sh installs it)"
    exit 0
  fi
  echo "installing cargo-deny $version into $tools (some minutes)"
  # A debug build checks as well as a release build and is there sooner.
  cargo install --quiet --locked --debug --root "$tools" --target-dir "$tools/target" "cargo-deny@$version"
  rm -rf "$tools/target"
fi
cargo deny --all-features check --hide-inclusion-graph bans licenses sources
if timeout 60 cargo deny fetch db >/dev/null 2>&1; then
  cargo deny --all-features check --hide-inclusion-graph --disable-fetch advisories
else
  echo "NOT CHECKED: known vulnerabilities (the advisory database cannot be reached from here)"
fi
