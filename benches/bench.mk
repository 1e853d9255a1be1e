# The benchmarks, to be included by the Makefile: `bench` is what the published figures are made with.

HOST_TARGET ?= $(shell rustc -vV | sed -n 's/^host: //p')
# How a musl build is made: with rustup's target where it is installed, or by a command of yours that takes the arguments
# of `cargo build` and puts its result below target/ or target/musl/. Empty: musl is left out, and the tables say so.
MUSL_BUILD ?= $(shell rustup target list --installed 2>/dev/null | grep -qx x86_64-unknown-linux-musl && echo cargo build --target x86_64-unknown-linux-musl)
# The same flags for ours and for the peers; programs in C are linked so by `cc -static`.
STATIC_BUILD = RUSTFLAGS="$(STATIC_FLAGS) $(RUSTFLAGS)" cargo build --target $(HOST_TARGET)
MUSL = RUSTFLAGS="$(STATIC_FLAGS) $(RUSTFLAGS)" $(MUSL_BUILD)

BENCH := cargo bench --quiet --package benches --bench
SERVERS := --release --example hello --example echo
BENCHES := cold_start throughput size growth
PEERS := benches/peers
LIMITS := $(PEERS)/target/c

.PHONY: bench bench-quick bench-smoke bench-build bench-peers bench-publish

bench: ## measure everything beside its peers: about ten minutes once it is built
bench: bench-build bench-peers
	for bench in $(BENCHES); do $(BENCH) $$bench -- --full || exit 1; done
	$(BENCH) codec
	$(BENCH) summary -- --full

bench-quick: ## the same questions with few rounds: about a minute once it is built
bench-quick: bench-build bench-peers
	for bench in $(BENCHES); do $(BENCH) $$bench -- --quick || exit 1; done
	$(BENCH) codec
	$(BENCH) summary -- --quick

bench-smoke: ## show that the benchmarks work; needs no peers and no wrk, and its figures say nothing
	cargo build --release --example hello --example echo
	for bench in $(BENCHES); do $(BENCH) $$bench -- --smoke || exit 1; done
	$(BENCH) codec -- --test

bench-publish: ## publish the last full run: benches/results.json, docs/figures.md and its chart, the README's sentence
	$(BENCH) summary -- --commit

bench-build: ## our examples in the three ways they are deployed
	cargo build $(SERVERS)
	$(STATIC_BUILD) $(SERVERS)
	$(if $(MUSL_BUILD),$(MUSL) $(SERVERS),@echo "musl: not built (rustup target add x86_64-unknown-linux-musl, or set MUSL_BUILD)")

bench-peers: ## the peers, built as ours are, and the limits in C; a tool that is missing costs its row, nothing else
	cd $(PEERS) && $(STATIC_BUILD) --release --locked
	$(if $(MUSL_BUILD),cd $(PEERS) && $(MUSL) --release --locked,@echo "musl: peers not built")
	mkdir -p $(LIMITS) $(PEERS)/target/other
	for limit in accept epoll; do \
		cc -O2 -s -o $(LIMITS)/$$limit-dynamic $(PEERS)/c/$$limit.c && \
		cc -O2 -s -static -o $(LIMITS)/$$limit-glibc $(PEERS)/c/$$limit.c || exit 1; \
		if command -v musl-gcc >/dev/null; then musl-gcc -O2 -s -static -o $(LIMITS)/$$limit-musl $(PEERS)/c/$$limit.c || exit 1; \
		else echo "musl-gcc: not installed, no limit for musl builds"; fi; \
	done
	if command -v go >/dev/null; then CGO_ENABLED=0 go build -ldflags='-s -w' -o $(PEERS)/target/other/go_hello $(PEERS)/other/go_hello.go; \
	else echo "go: not installed"; fi
