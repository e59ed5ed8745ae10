# The two commands that are all the set-up on a fresh machine: make dev, make test.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Developers' tools are pinned in modules of their own (tools/), run from Go's
# build cache and installed nowhere.

.PHONY: help dev onboarding test test-engine test-short explore race fuzz bench outdated record lint build generate test-needs temporal prometheus

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 12

dev: build ## Run the whole stack on this machine and show a verification of each policy
	@bin/yanzhen dev $(if $(WEBHOOK),--webhook $(WEBHOOK))

onboarding: build ## Run the example of an onboarding service beside `make dev`
	@eval "$$(bin/yanzhen dev --env)" && go run ./examples/onboarding

# A machine that stalls for seconds fails a test that waits for something: one of
# few that failed is run once more, by itself, and named as one that was. A race
# is never run again.
suite = go tool -modfile=tools/gen/go.mod gotestsum --format pkgname-and-test-fails --hide-summary skipped \
	--rerun-fails=1 --rerun-fails-max-failures=8 --rerun-fails-run-root-test --rerun-fails-abort-on-data-race \
	--rerun-fails-report=bin/failed-once.txt

test: test-needs temporal prometheus ## Run every test (installs what they need on Debian)
	$(suite) --packages=./... -- -timeout 40m

# The newer Temporal server that test/engine pins, as production runs it, with its
# schema on PostgreSQL beside the store: every kind of path, and a restore. Its first
# build takes long, ten minutes and more on two cores.
on_engine = ^Test(OneVerificationEnds|AScanAndNothing|AMiniProgramVerification|AUserWhoDoesNothing|BothVendorsDown|AWorkerKilledBetweenSteps|AWorkerKilledInReview|AWorkerKilledWhileRecords|AReviewersKey|AReopenedDeclined|Webhooks|RedactOfAPerson|RetentionErases|APersonGoesFromTheLinkToApprovedWithoutScript|ThePageOutlives|ARestartOfTheEngine|ATerminatedRun|CancelingInTheUI|EveryMessage|StepsOfEachPath|ABackup|ADeploy|AWorkflowsChange|AnEngineThatDoesNotKnow|WhatDoctorPrints)
test-engine: test-needs ## Run tests of the whole with engine and store on PostgreSQL (RUN=regexp)
	go -C test/engine tool -n go.temporal.io/server/cmd/server >/dev/null
	go -C test/engine tool -n go.temporal.io/server/cmd/tools/sql >/dev/null
	go test -tags engine -count=1 -timeout 30m -parallel 4 -run '$(or $(RUN),$(on_engine))' ./test/e2e

# The commands and the tests of the whole start a Temporal server each, and those
# of the alerts need Prometheus; -short leaves PostgreSQL and the browser out of the
# others.
test-short: ## Run the tests that need no server and no browser, in under a minute
	go test -short $$(go list ./... | grep -vE '/(cmd|cmd/.*|deploy/monitoring|test/e2e|internal/store/storetest)$$')

# What it finds is printed with its sequence and the line that repeats it.
# `make test` makes the first 5,000 of them.
explore: ## Hold the laws against many seeded sequences (SEQUENCES=100000 SEED=0)
	go test -count=1 -timeout 0 -run '^TestLawsHoldOverSeededSequences$$' -v ./workflows -sequences $(or $(SEQUENCES),100000) -seed $(or $(SEED),0)

# The bench measures, and means nothing here. Of the tests of the whole the one that runs api, worker and a vendor in its own
# process: the others start a binary that is not built to be watched, and with
# one that is their clocks would fail before a race is found.
race: test-needs temporal prometheus ## Run the tests with the race detector
	$(suite) --packages="$$(go list ./... | grep -vE '/test/(bench|e2e)$$')" -- -race -timeout 30m
	go test -race -timeout 5m -run '^TestANewFaceProviderRuns' ./test/e2e

fuzz: ## Run every fuzz test for a while (FUZZTIME=20s each), and ask for 500 tries a second
	@bash tools/fuzz.sh

# Both sides run on one server in turns, so that ratios hold on a busy machine.
# docs/performance.md says what the sections are.
bench: temporal ## Measure the product beside a bare workflow (ONLY=paths,open QUICK=-quick STORE=sqlite PAIRS=5 STARTS=1m)
	go test -tags bench -count=1 -timeout 0 -v -run '^TestBench$$' ./test/bench $(QUICK) -store $(or $(STORE),sqlite) -pairs $(or $(PAIRS),5) \
		-starts $(or $(STARTS),1m) $(if $(ONLY),-only $(ONLY)) $(if $(PATHS),-paths $(PATHS)) -out $(CURDIR)/docs

outdated: ## Compare direct dependencies with the newest versions; once a week
	@bash tools/outdated.sh

record: temporal ## Record the workflows' histories anew, after a change of their order
	go test -tags record -count=1 -timeout 20m -run '^TestRecord$$' ./workflows

lint: generate ## Check format, vet, staticcheck, workflow determinism, generated code, import directions, the contract (npm)
	@bash tools/lint.sh

build: ## Build bin/yanzhen
	@go build -o bin/yanzhen .

generate: ## Generate the API's server and client, the tables of rare characters and of settings
	go generate ./api/... ./verification/... ./cmd

test-needs:
	@bash tools/test-needs.sh

# Built once before the tests, which would otherwise wait for it one by one.
temporal: build
	@bin/yanzhen temporal-binary >/dev/null

prometheus:
	@tools/prometheus/build.sh
