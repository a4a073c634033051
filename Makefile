# The two commands are `make demo` and `make test`; `make help` lists the rest.
# rustup installs cargo outside the PATH of a fresh shell.
export PATH := $(PATH):$(HOME)/.cargo/bin
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
# Extra arguments for the demo and the benchmark: make demo ARGS="--events 1000"
ARGS ?=
# Rows of the crash suite that run beside each other: they wait more than they compute.
ROWS ?= 3
# Length of the soak: make soak MINUTES=30
MINUTES ?= 30

.PHONY: help demo test sim crash soak setup setup-build deps bench-kafka

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

demo: setup-build ## install what is missing, build, run both topologies through a crash
	cargo run --release --locked --bin topo -- demo $(ARGS)

test: setup ## everything: format, clippy, docs, all tests on a real Kafka and PostgreSQL
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
	cargo test --workspace --locked --exclude topologies
	cargo test --locked -p topologies --lib --bins --examples --test topologies
	cargo test --locked -p topologies --doc
	cargo test --locked -p topologies --test crash -- --test-threads=$(ROWS)

sim: setup-build ## 10,000 simulated schedules of crashes and faults; ARGS="--scenario count --seed 42" repeats one
	cargo run --release --locked -p topologies --example sim -- $(ARGS)

crash: setup ## the crash suite in its full form: every fault many times, on real services (half an hour)
	TOPO_TEST_CRASH=full cargo test --locked -p topologies --test crash -- --nocapture --test-threads=$(ROWS)

soak: setup ## kill at random for MINUTES=30 under 10,000 events a minute; lag, memory and recovery times
	TOPO_TEST_SOAK_MINUTES=$(MINUTES) cargo test --locked -p topologies --test crash -- --nocapture soak

setup: ## install what is missing for building and testing (apt, RocksDB, Kafka)
	@scripts/setup.sh test

setup-build:
	@scripts/setup.sh build

deps: ## licences, sources, duplicates and advisories of the dependencies (needs cargo-deny)
	@cargo deny --version >/dev/null 2>&1 || { echo "cargo-deny is missing: cargo install --locked cargo-deny" >&2; exit 2; }
	cargo deny --locked --workspace check

bench-kafka: setup ## CPU, rate, memory and restore on a real Kafka, beside Kafka Streams' numbers; ARGS="--kafka-streams" runs it too
	cargo bench --locked --bench kafka -- $(ARGS)
