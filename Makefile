# The two commands that are all the set-up on a fresh machine: make dev, make test.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Developers' tools are pinned in modules of their own (tools/), run from Go's
# build cache and installed nowhere.

.PHONY: help dev test lint build generate test-needs temporal

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 12

dev: build ## Run the whole stack on this machine and show a verification of each policy
	@bin/yanzhen dev

test: test-needs temporal ## Run every test (installs what they need on Debian)
	go test -timeout 20m ./...

lint: generate ## Check format, vet, staticcheck, workflow determinism, generated code, import directions
	@bash tools/lint.sh

build: ## Build bin/yanzhen
	@go build -o bin/yanzhen .

generate: ## Generate the API's server and client from api/openapi.yaml, and the table of rare characters
	go generate ./api/... ./verification/...

test-needs:
	@bash tools/test-needs.sh

# Built once before the tests, which would otherwise wait for it one by one.
temporal: build
	@bin/yanzhen temporal-binary >/dev/null
