# How long it takes: SOAK=short make soak, about a minute; make soak, about 3 minutes.
.PHONY: soak fuzz

soak: ## figures under load, attack and exhaustion, asserted; SOAK=short for a short form, which judges no times
	cargo bench --quiet --package benches --bench soak

FUZZ_SECONDS ?= 600
fuzz: ## fuzz the codec for FUZZ_SECONDS (600) per target; needs nightly and cargo-fuzz
	@for target in head chunked connection; do \
		mkdir -p fuzz/target/corpus/$$target && \
		cargo +nightly fuzz run $$target fuzz/target/corpus/$$target fuzz/corpus/$$target -- \
			-dict=fuzz/http.dict -max_len=12000 -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done
