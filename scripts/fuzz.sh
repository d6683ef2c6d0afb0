#!/usr/bin/env bash
# Runs every fuzz target for a few seconds, beginning with the committed seeds. What is found stays in fuzz/artifacts.
# Usage: scripts/fuzz.sh [SECONDS-PER-TARGET]      (default: 5)
# Needs the nightly toolchain; cargo-fuzz is fetched into ~/.cache/lienthong-tools when it is not there. Without nightly the same
# entry points run over the seeds and damaged copies of them, as an ordinary test.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-5}
tools="$HOME/.cache/lienthong-tools"
export PATH="$PATH:$tools/bin"

smoke() {
  echo "fuzz: $1; the entry points run over seeds and damaged copies instead"
  cargo test --locked --package exchange --test fuzz_smoke
}

if ! cargo +nightly --version >/dev/null 2>&1; then
  smoke "the nightly toolchain is not installed (rustup toolchain install nightly)"
  exit 0
fi
if ! cargo fuzz --version >/dev/null 2>&1; then
  echo "fuzz: fetching cargo-fuzz into $tools"
  if ! cargo install --quiet --locked cargo-fuzz --root "$tools"; then
    smoke "cargo-fuzz could not be fetched"
    exit 0
  fi
fi

# The sanitizer build stays apart, whatever target folder the caller uses.
unset CARGO_TARGET_DIR
if ! cargo +nightly fuzz build; then
  smoke "the sanitizer build FAILED on this machine (see above)"
  exit 0
fi
host=$(rustc +nightly -vV | sed -n 's/^host: //p')
found=no
for target in $(cargo +nightly fuzz list); do
  mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
  echo "fuzz: $target for $seconds s"
  # The program itself, not `cargo fuzz run`: what was built above is what runs, whatever happens to the sources meanwhile.
  "fuzz/target/$host/release/$target" "fuzz/corpus/$target" "fuzz/corpus-seeds/$target" \
    -artifact_prefix="fuzz/artifacts/$target/" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
    -verbosity=0 || found=yes
done
if [ "$found" = yes ]; then
  echo "fuzz: something was found; the inputs are in fuzz/artifacts, to be run again with: cargo +nightly fuzz run TARGET FILE" >&2
  exit 1
fi
