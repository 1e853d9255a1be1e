# What can be done here; `make` alone lists it.

FUNCTION ?= hello
# The image's name.
IMAGE ?= $(FUNCTION)
# Where binary and package go.
OUT ?= target/fc
# Which function of TEMPLATE.
RESOURCE ?= function
HOST_TARGET := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
TARGET ?= $(HOST_TARGET)
TARGET_DIR = $(or $(CARGO_TARGET_DIR),target)
# Few segments: each is a mapping and page faults of its own at a start, and padding in the file.
STATIC_FLAGS = -C target-feature=+crt-static -C relocation-model=static \
  -C link-arg=-Wl,-z,noseparate-code -C link-arg=-Wl,-z,norelro
# Paths of this machine are not in the binary, so that the same sources make the same bytes elsewhere: this folder,
# cargo's, and the standard library's sources where they are installed. (One with a space in it stays.)
remap = $(if $(word 2,$(1)),,--remap-path-prefix=$(strip $(1))=$(2))
REMAP = $(call remap,$(CURDIR),/build) $(call remap,$(or $(CARGO_HOME),$(HOME)/.cargo),/cargo) \
  $(call remap,$(shell rustc --print sysroot)/lib/rustlib/src/rust,/rustc/$(shell rustc -vV | sed -n 's/^commit-hash: //p'))
# Puts a file in the place of one that may be running: nobody writes to that, nobody sees half of the new one, and what
# has not changed is not touched.
replace = cmp -s $(1) $(2) || { cp $(1) $(OUT)/new && mv $(OUT)/new $(2); }
# A package of its own, in the same target directory.
DIFFERENTIAL = --manifest-path tests/differential/Cargo.toml
# One build of it for all targets; FC_LOCAL=PATH takes another one.
OWN_FC_LOCAL = $(TARGET_DIR)/release/fc-local
FC_LOCAL ?= $(OWN_FC_LOCAL)
# The first that works: a docker without its daemon does not.
BUILDER ?= $(shell for tool in docker podman buildah; do $$tool info >/dev/null 2>&1 && echo $$tool && break; done)

include benches/bench.mk
include benches/soak/soak.mk

.DEFAULT_GOAL := help
.PHONY: help run test surface check fuzz conformance static stage package image sizes doc $(OWN_FC_LOCAL)

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Cargo knows whether there is anything to do.
$(OWN_FC_LOCAL):
	@test -x $@ || echo "building the release of fc-local; the first time takes a minute or two"
	@cargo build --release --quiet --package fc-local

ifdef TEMPLATE
run: stage $(FC_LOCAL)
	@exec $(FC_LOCAL) start --template $(TEMPLATE) --resource $(RESOURCE) --code $(OUT)/function
else
run: $(FC_LOCAL) ## serve the example FUNCTION (hello) under fc-local on 127.0.0.1:8080; with TEMPLATE=deploy/s.yaml as that says
	@echo "building the release of $(FUNCTION)"
	@cargo build --release --quiet --example $(FUNCTION)
	@exec $(FC_LOCAL) start --initializer --pre-stop -- $(TARGET_DIR)/release/examples/$(FUNCTION)
endif

# The readiness set of other systems, built on this one; the flag makes another program of every dependency.
POLL = RUSTFLAGS="--cfg fc_runtime_poll $(RUSTFLAGS)" cargo test --quiet --target-dir $(TARGET_DIR)/poll

test: ## run all tests
	$(POLL) --lib --test runtime
	cargo test --quiet $(DIFFERENTIAL) --target-dir $(TARGET_DIR)
	cargo test --quiet --workspace --features internals,events,kv

surface: ## write tests/surface.txt, the public surface, anew
	WRITE_SURFACE=1 cargo test --quiet --test surface

check: ## formatting, clippy, docs and tests, as before every commit
	cargo fmt --all --check
	cargo fmt $(DIFFERENTIAL) --check
	cargo clippy --quiet --workspace --all-targets --features internals,events,kv -- -D warnings
	cargo clippy --quiet $(DIFFERENTIAL) --target-dir $(TARGET_DIR) --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps --features events,kv
	$(MAKE) test

FUZZ_SECONDS ?= 600
fuzz: ## fuzz each target for FUZZ_SECONDS (600) on stable Rust; needs cargo-fuzz and a C++ compiler
	@bash fuzz/run $(FUZZ_SECONDS) $(FUZZ_TARGETS)

conformance: ## the public HTTP suites of crates.io and PyPI, and those in the folder CONFORMANCE_DIR, as a table
	@python3 tests/conformance/run.py

static: ## its static binary, target/fc/bootstrap; TARGET=x86_64-unknown-linux-musl is smaller, starts faster
	@echo "building a static release of $(FUNCTION) for $(TARGET)"
	@RUSTFLAGS="$(STATIC_FLAGS) $(REMAP) $(RUSTFLAGS)" cargo build --release --quiet --target $(TARGET) --example $(FUNCTION)
	@mkdir -p $(OUT)
	@$(call replace,$(TARGET_DIR)/$(TARGET)/release/examples/$(FUNCTION),$(OUT)/bootstrap)

# The binary alone in a folder: what the package and the image hold.
stage: static
	@mkdir -p $(OUT)/function
	@$(call replace,$(OUT)/bootstrap,$(OUT)/function/bootstrap)

package: stage $(FC_LOCAL) ## its code package, target/fc/function.zip, and its SBOM (CycloneDX) beside it, function.cdx.json
	@$(FC_LOCAL) package $(OUT)/function --sbom Cargo.toml -- --target $(TARGET)

image: stage ## the binary alone in an image, IMAGE, by docker, podman or buildah
	@test -n "$(BUILDER)" || { echo "make image needs docker (with its daemon running), podman or buildah"; exit 1; }
	$(BUILDER) build --build-arg BINARY=prebuilt --tag $(IMAGE) --file Dockerfile $(OUT)/function

sizes: package ## bytes of binary, package and, where it can be built, image
	@$(if $(BUILDER),$(MAKE) --silent image >/dev/null 2>&1 || $(MAKE) image)
	@printf '%-8s %s\n' target '$(TARGET)' \
	  binary "$$(wc -c < $(OUT)/bootstrap) bytes" \
	  package "$$(wc -c < $(OUT)/function.zip) bytes" \
	  image "$(if $(BUILDER),$$($(BUILDER) images --format '{{.Size}}' $(IMAGE)),not built: no docker or podman or buildah here)"

doc: ## build the documentation of the library
	cargo doc --no-deps --features events,kv
