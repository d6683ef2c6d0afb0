# The tasks of the project. `make` or `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup build demo test bench fmt lint law docs fuzz deny clean-demo

DEMO_DIR ?= var/demo

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install the Debian packages that tests need (apt-get, only what is missing)
	scripts/setup.sh --test

build: ## build the release binary, target/release/lienthong
	scripts/setup.sh --build
	cargo build --release --locked --package lienthong

demo: build ## start the demo nation in one process and print its addresses (state in var/demo)
	cargo run --release --locked --package lienthong -- demo --data $(DEMO_DIR)

clean-demo: ## forget the state of the demo
	rm -rf $(DEMO_DIR)

test: ## every check: format, laws, lints, documentation, tests, demo, short fuzzing
	scripts/test.sh

bench: ## measure the gateway beside a peer in one run (prints ratios)
	scripts/setup.sh --bench
	cargo xtask bench

fmt: ## format the source
	cargo fmt --all

lint: ## clippy with warnings as errors, then the laws of the house
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo xtask tidy

law: ## print the table rule -> test
	@cargo xtask law

docs: ## write the pages that come from the source: docs/errors, checksums of migrations
	cargo xtask errors
	cargo xtask migrations

fuzz: ## run every fuzz target for a minute (needs nightly and cargo-fuzz)
	scripts/fuzz.sh 60

deny: ## licences, sources, duplicates and known vulnerabilities of dependencies (fetches cargo-deny and its database)
	DENY=install DENY_LOG=warn ADVISORIES=fetch scripts/deny.sh
