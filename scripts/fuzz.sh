#!/usr/bin/env bash
# Runs every fuzz target for a few seconds each, when the nightly toolchain and cargo-fuzz are there.
# Usage: scripts/fuzz.sh [SECONDS-PER-TARGET]
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
if [ ! -f fuzz/Cargo.toml ]; then
  echo "NOT RUN: there are no fuzz targets"
elif ! cargo +nightly --version >/dev/null 2>&1 || ! cargo fuzz --version >/dev/null 2>&1; then
  echo "NOT RUN: needs the nightly toolchain and cargo-fuzz (cargo install --locked cargo-fuzz)"
else
  for target in $(cargo +nightly fuzz list); do
    echo "fuzz: $target for $seconds s"
    cargo +nightly fuzz run "$target" -- -max_total_time="$seconds" -timeout=10 -verbosity=0
  done
fi
