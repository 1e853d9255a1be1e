# How long it takes: SOAK=short make soak, about 40 s; make soak, about 3 minutes.
.PHONY: soak

soak: ## figures under load, attack and exhaustion, asserted; SOAK=short for a short form
	cargo bench --quiet --package benches --bench soak
