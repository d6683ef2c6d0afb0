#!/usr/bin/env bash
# Checks the dependencies against deny.toml with cargo-deny, when it is there; DENY=install fetches it once into ~/.cache.
# DENY_LOG=warn also lists crates that stand in the tree in several versions.
# Known vulnerabilities are checked when the advisory database was fetched (ADVISORIES=fetch does); if not, it says so.
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
  if ! cargo install --quiet --locked --debug --root "$tools" --target-dir "$tools/target" "cargo-deny@$version"; then
    echo "NOT CHECKED: cargo-deny could not be installed"
    exit 0
  fi
  rm -rf "$tools/target"
fi
options=(--all-features --log-level "${DENY_LOG:-error}")
cargo deny "${options[@]}" check --hide-inclusion-graph bans licenses sources
if [ "${ADVISORIES:-}" = fetch ]; then
  cargo deny "${options[@]}" fetch db
fi
if compgen -G "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs/*/crates" >/dev/null; then
  cargo deny "${options[@]}" check --hide-inclusion-graph --disable-fetch advisories
else
  echo "NOT CHECKED: known vulnerabilities (ADVISORIES=fetch scripts/deny.sh fetches the advisory database from the network)"
fi
