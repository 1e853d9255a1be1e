# How long it takes: SOAK=short make soak, about a minute; make soak, about 3 minutes.
.PHONY: soak

soak: ## figures under load, attack and exhaustion, asserted; SOAK=short for a short form, which judges no times
	cargo bench --quiet --package benches --bench soak
