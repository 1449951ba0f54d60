# The few commands of this repository; CI calls the same ones.

SHELL := /bin/bash
CARGO ?= cargo
TOOLS := $(CURDIR)/.cache/venv/bin
BINARY = $${CARGO_TARGET_DIR:-target}/debug/epr-mcp

.DEFAULT_GOAL := help
.PHONY: help test-deps test check bench demo generate snap

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test-deps: ## Install what the tests need beside Rust, into .cache/
	@scripts/test-deps

test: ## Run all tests: Rust's, then two real MCP clients against the built binary
	@scripts/test

check: ## Formatting, lints, documentation, scripts and dependencies, without warnings
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items
	@scripts/check-files

bench: ## Run the benchmarks
	$(CARGO) bench --locked

demo: ## Play the demo
	@$(CARGO) run --locked --quiet -- demo

generate: ## Write the documents that are made from the code
	$(CARGO) build --locked
	@mkdir -p docs
	@set -e; write() { $(BINARY) generate "$$1" > .generated || { rm -f .generated; exit 1; }; mv .generated "$$2"; echo "$$2"; }; \
	write mcp-json mcp.json; write tools docs/TOOLS.md; write config docs/CONFIGURATION.md

snap: ## Review changed snapshots (on a terminal; elsewhere accept them), drop unused ones
	@test -x $(TOOLS)/cargo-insta || { echo "cargo-insta is missing: make test-deps" >&2; exit 1; }
	PATH="$(TOOLS):$$PATH" $(CARGO) insta test --unreferenced=delete $$([ -t 0 ] && echo --review || echo --accept)
