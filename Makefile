# SPDX-License-Identifier: Apache-2.0

.DEFAULT_GOAL := help
SHELL := bash

# The modules are tested as their users see them, each by its own go.mod.
export GOWORK := off

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: test
test: install tools ## lint, then test every module with the race detector; installs what that needs
	@status=0; scripts/lint || status=1; scripts/test || status=1; \
	if [ $$status -ne 0 ]; then echo "FAILED: see 'lint: FAILED' and 'FAIL' above"; fi; exit $$status

.PHONY: lint
lint: tools ## gofmt, house rules, go vet, staticcheck, go.mod and generated code, in every module
	scripts/lint

.PHONY: build
build: ## build every package of every module, and the commands into .bin
	scripts/build

.PHONY: generate
generate: ## make all generated code anew
	scripts/generate

.PHONY: docs
docs: ## make anew what the documentation shows of running programs
	scripts/docs

.PHONY: bench
bench: ## measure farcall beside its peers, all of it, and write bench/results (about 45 min)
	cd bench && go run . run -document ../docs/performance.md

.PHONY: bench-quick
bench-quick: ## measure the eight rows that the work on speed is steered by; fails when one is short of its target or was not measured (3 min)
	@cd bench && go run . quick

.PHONY: bench-codec
bench-codec: ## measure the encoding of messages beside protobuf-go and vtprotobuf, and their JSON beside protojson's, in bench/results/codec.md (3 min)
	cd bench/codec && go run .

.PHONY: conformance
conformance: install tools ## test against other implementations of the protocols, and run the public suites
	scripts/conformance

.PHONY: attacks
attacks: ## attack farcall, grpc-go and net/http in every known way, beside a well-behaved client
	cd conformance && go run ./attacks -document ../docs/security.md

.PHONY: soak
soak: ## put both ends under full load, disturbed at random, for SOAKTIME (10m); prints the figures
	cd conformance && SOAKTIME=$${SOAKTIME:-10m} go test -count=1 -timeout=0 -v -run='^TestSoak$$' ./soak

.PHONY: corpus
corpus: ## generate, build and try the code of all public APIs of the corpus (make test takes a sample)
	scripts/corpus

.PHONY: fuzz
fuzz: ## fuzz every target for FUZZTIME (20s)
	scripts/fuzz

.PHONY: install
install: ## install what the tests need besides Go (Debian packages)
	scripts/install

.PHONY: tools
tools: .bin/tools.built ## build the pinned tools of tools/go.mod into .bin

.bin/tools.built: tools/go.mod tools/go.sum scripts/tools
	scripts/tools
	touch $@
