#!/usr/bin/env bash
# Every check of the project, one after the other; stops at the first that fails. Ends with the real counts of the tests that ran.
# Usage: scripts/test.sh
# CI=true leaves out debug information, and fetches cargo-deny when it is not there (about two minutes, kept for the next time).
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_INCREMENTAL=0
if [ "${CI:-}" = true ]; then
  export CARGO_PROFILE_DEV_DEBUG=0
  export CARGO_TERM_COLOR=never
  export DENY=install
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
started=$SECONDS
step() {
  printf '\n== %s  (%d s so far)\n' "$1" $((SECONDS - started))
}

step "packages"
scripts/setup.sh --test

step "format"
cargo fmt --all --check

step "laws of the house"
cargo xtask tidy

step "licences, sources and duplicates of dependencies"
scripts/deny.sh

step "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet

step "tests"
cargo test --workspace --locked --no-fail-fast 2>&1 | tee "$scratch/tests"

step "the demo, started, tried and stopped in a folder of its own"
cargo run --package lienthong --locked --quiet -- demo --once --data "$scratch/demo" | tee "$scratch/demo.out"
if [ ! -s "$scratch/demo.out" ]; then
  echo "the demo said nothing: it did not run" >&2
  exit 1
fi

step "fuzzing"
# Every entry point was already tried over seeds and damaged copies by the tests above; this is the longer look, with sanitizers, where
# the toolchain for it is there. Its build is bounded, so that a slow machine still ends.
fuzzed=0
timeout "${FUZZ_LIMIT:-1200}" scripts/fuzz.sh 5 || fuzzed=$?
if [ "$fuzzed" = 124 ]; then
  echo "fuzzing with sanitizers was NOT finished within ${FUZZ_LIMIT:-1200} s on this machine"
elif [ "$fuzzed" != 0 ]; then
  exit "$fuzzed"
fi

printf '\n== all checks passed in %d s. Tests:\n' $((SECONDS - started))
grep '^test result:' "$scratch/tests"
awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
     END { printf "%d passed, %d failed, %d skipped\n", passed, failed, ignored; exit passed == 0 }' "$scratch/tests"
