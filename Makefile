# The few commands of this repository; CI calls the same ones.

SHELL := /bin/bash
CARGO ?= cargo
TOOLS := $(CURDIR)/.cache/venv/bin
ENGINE ?= $(shell command -v docker >/dev/null 2>&1 && echo docker || echo podman)
BINARY = $${CARGO_TARGET_DIR:-target}/debug/epr-mcp

.DEFAULT_GOAL := help
.PHONY: help test-deps test test-container image check bench bench-large demo generate snap

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test-deps: ## Install what the tests need beside Rust, into .cache/
	@scripts/test-deps

test: ## Run all tests: Rust's, then two real MCP clients against the built binary
	@scripts/test

test-container: ## Build an image from the binary and test it in real containers (part of make test; root)
	$(CARGO) build --locked
	@scripts/test-container

image: ## Build the image epr-mcp from source, with ENGINE=docker or podman (ENGINE_FLAGS: its flags)
	$(ENGINE) build $(ENGINE_FLAGS) -t epr-mcp .

check: ## Formatting, lints, documentation, scripts and dependencies, without warnings
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items
	@scripts/check-files

bench: ## Run the benchmarks
	$(CARGO) bench --locked
	@scripts/bench-container

bench-large: ## Measure pipeline runs among 10,000,000 events (EPR_BENCH_EVENTS for others; gigabytes of disk)
	$(CARGO) bench --locked --bench registry -- large

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
