# Everything a contributor runs. It works on a fresh Debian machine with Go
# 1.26, Node 20, make and git; what is missing beyond that, make test installs.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

export GOTOOLCHAIN := local

# The tag, if the checkout has one; the revision is stamped by go build anyway.
VERSION := $(shell git describe --tags --dirty 2>/dev/null)
LDFLAGS := $(if $(VERSION),-X gancho/internal/cli.version=$(VERSION))

# What the program must be buildable for, without cgo.
PLATFORMS := linux/amd64 linux/arm64 darwin/arm64 windows/amd64

# Files that a program writes. make docs renews them, make lint finds stale ones.
GENERATED := docs/config.md docs/diagnosis.md docs/contract-reference.md

GO_FILES = $(wildcard $(shell git ls-files --cached --others --exclude-standard '*.go'))
TOOLS := bin/tools/.installed

.PHONY: help
help: ## Say what can be made (this text)
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

.PHONY: build
build: console ## Build bin/gancho: one static file, with the console in it
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/gancho ./cmd/gancho

.PHONY: run
run: build ## Build, then start a server with demo data
	bin/gancho serve --demo

# The console: web/, built into internal/console/dist, which the program embeds.
# Its types of the API are made from the API's own description.
DIST := internal/console/dist/index.html.gz
WEB_FILES = $(wildcard $(shell git ls-files --cached --others --exclude-standard web internal/docpage/style.css))
WEB_MODULES := web/node_modules/.package-lock.json
API_FILES = $(filter-out %_test.go,$(filter client/% internal/api/% internal/hook/%,$(GO_FILES)))

.PHONY: console
console: $(DIST) ## Build the pages of the console (needs Node; the rest works without)

$(DIST): $(WEB_FILES) web/src/api/schema.ts
	npm --prefix web run --silent build

web/src/api/schema.ts: $(API_FILES) $(WEB_MODULES)
	go run ./cmd/gancho openapi >web/openapi.json
	npm --prefix web run --silent generate

$(WEB_MODULES): web/package-lock.json
	@scripts/need.sh node
	npm ci --prefix web --ignore-scripts --no-audit --no-fund </dev/null
	@touch $@

# Tests that run one scenario hundreds of times. The race detector makes SQLite ten times as slow and finds nothing in
# the hundredth run that it did not find in others, so make test runs them without it.
SLOW_WITH_RACE = ^TestEach(Statement|Connection)Fails$$

.PHONY: test
test: test-needs build ## Install what the tests need, then run all of them, Go's with the race detector
	CGO_ENABLED=1 go test -race -timeout 20m -skip '$(SLOW_WITH_RACE)' ./...
	CGO_ENABLED=0 go test -timeout 20m -run '$(SLOW_WITH_RACE)' ./internal/store
	CGO_ENABLED=1 go -C client test -race ./...
	go -C tools test ./...
	npm --prefix web run --silent test

.PHONY: test-long
test-long: build ## Run what make test only samples: 100 kills, each statement that fails, on both databases; each system's story in each language and width (20 minutes on a quiet machine, an hour on a busy one)
	@scripts/need.sh gcc postgresql node chromium
	GANCHO_TEST_LONG=1 CGO_ENABLED=1 go test -race -timeout 60m -count 1 -run 'TestKills' ./internal/app
	GANCHO_TEST_LONG=1 go test -timeout 60m -count 1 -run 'TestEach(Statement|Connection)' ./internal/store
	GANCHO_TEST_LONG=1 node --test --test-reporter=spec web/test/story.test.mjs

.PHONY: test-web
test-web: build ## Run the browser tests alone; screenshots land in artifacts/screens
	@scripts/need.sh chromium
	npm --prefix web run --silent test

# npm packages that tests are judged by, installed beside their lock files.
NPM_LOCKS = $(shell git ls-files --cached --others --exclude-standard 'internal/*/testdata/*package-lock.json')

.PHONY: test-needs
test-needs:
	@scripts/need.sh gcc git node chromium python3 php postgresql pgbouncer
	@for lock in $(NPM_LOCKS); do \
		dir="$$(dirname "$$lock")"; \
		if [ "$$lock" -nt "$$dir/node_modules/.package-lock.json" ]; then \
			echo "need: npm packages of $$dir"; \
			npm ci --prefix "$$dir" --ignore-scripts --no-audit --no-fund </dev/null; \
		else echo "need: npm packages of $$dir are here"; fi; \
	done

# Packages that compute, so that their tests are quick enough to run once for each mutant.
MUTATE_PKGS := hook match sign rawjson expr contract deliver/pace deliver/window deliver/compose

.PHONY: mutate
mutate: $(TOOLS) ## Change the code in many small ways and list what no test notices (PKG=./internal/hook ARGS="-sample 100")
ifdef PKG
	bin/tools/mutate $(ARGS) $(PKG)
else
	bin/tools/mutate $(ARGS) $(MUTATE_PKGS:%=./internal/%)
endif

# How long make fuzz works on each target.
FUZZTIME ?= 1m

.PHONY: fuzz
fuzz: ## Throw made-up input at each fuzz target until one fails (FUZZTIME=10s PKG=./internal/match)
	@grep -rHoE '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' $(or $(PKG),internal) | sort | \
	while IFS=: read -r file func; do \
		dir="$$(dirname "$${file#./}")"; name="$${func#func }"; \
		echo "fuzz: $$name of $$dir, $(FUZZTIME)"; \
		out="$$(mktemp)"; \
		go test "./$$dir" -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x </dev/null 2>&1 | tee "$$out" || \
			if grep -q 'context deadline exceeded' "$$out" && ! grep -qE 'Failing input|panic|_test\.go:' "$$out"; then \
				echo "fuzz: the time of $$name ended while an input ran, which go test takes for a failure"; \
			else \
				echo "fuzz: $$name failed. Its input is in $$dir/testdata/fuzz/$$name; give it to f.Add when it is mended." >&2; exit 1; \
			fi; \
		rm "$$out"; \
	done

.PHONY: bench
bench: build ## Measure this machine; pass flags as ARGS="--events 100000"
	bin/gancho bench $(ARGS)

.PHONY: docs
docs: ## Renew the generated documents
	go run ./cmd/gancho config doc --output docs/config.md
	go run ./cmd/gancho contract reference --output docs/contract-reference.md
	go test ./internal/diagnose -run TestDocument -count 1 -update >/dev/null

.PHONY: fmt
fmt: $(TOOLS) $(WEB_MODULES) ## Format all files and apply the modernizers of go fix
	go fix ./...
	bin/tools/gofumpt -w $(GO_FILES)
	npm --prefix web run --silent format

LINT_STEPS := lint-format lint-vet lint-staticcheck lint-bugs lint-modern lint-generated lint-modules lint-platforms lint-web

.PHONY: lint
lint: ## Check format, bugs, generated files and that each system's program builds
	@$(MAKE) --no-print-directory --keep-going $(LINT_STEPS)
	@echo "lint: all steps passed"

.PHONY: lint-format
lint-format: $(TOOLS)
	@echo "lint: gofumpt finds nothing to reformat"
	@files="$$(bin/tools/gofumpt -l $(GO_FILES))"; \
	if [ -n "$$files" ]; then printf 'make fmt would change:\n%s\n' "$$files" >&2; exit 1; fi

.PHONY: lint-vet
lint-vet:
	@echo "lint: go vet"
	@go vet ./... && go -C client vet ./...

.PHONY: lint-staticcheck
lint-staticcheck: $(TOOLS)
	@echo "lint: staticcheck"
	@bin/tools/staticcheck ./... && cd client && $(CURDIR)/bin/tools/staticcheck ./...

.PHONY: lint-bugs
lint-bugs: $(TOOLS)
	@echo "lint: unchecked errors, unclosed bodies and rows, forgotten states (tools/lint)"
	@go vet -vettool=$(CURDIR)/bin/tools/lint ./...

.PHONY: lint-modern
lint-modern:
	@echo "lint: go fix has nothing to modernize"
	@go fix -diff ./... || { echo "make fmt applies it" >&2; exit 1; }

.PHONY: lint-generated
lint-generated:
	@echo "lint: generated files are what the program writes now"
	@old="$$(mktemp -d)"; trap 'rm -rf "$$old"' EXIT; \
	cp --parents $(GENERATED) "$$old"; \
	$(MAKE) --no-print-directory -s docs; \
	for f in $(GENERATED); do \
		cmp -s "$$f" "$$old/$$f" || { echo "$$f was stale; make docs renewed it: commit it" >&2; exit 1; }; \
	done

.PHONY: lint-modules
lint-modules:
	@echo "lint: go.mod and go.sum are complete and unchanged"
	@go mod verify
	@go mod tidy -diff && go -C client mod tidy -diff

.PHONY: lint-platforms
lint-platforms:
	@for p in $(PLATFORMS); do \
		echo "lint: builds for $$p without cgo"; \
		CGO_ENABLED=0 GOOS="$${p%/*}" GOARCH="$${p#*/}" go build ./...; \
	done

.PHONY: lint-web
lint-web: web/src/api/schema.ts
	@echo "lint: tsc and Biome: types of the API, texts in all languages, format, import cycles"
	@npm --prefix web run --silent check

# The checking tools are pinned in a module of their own, so that they never
# show up among the dependencies of the program.
$(TOOLS): tools/go.mod tools/go.sum $(wildcard tools/*/*.go)
	@echo "tools: building what tools/go.mod pins"
	@GOBIN=$(CURDIR)/bin/tools go -C tools install tool
	@touch $@

.PHONY: clean
clean: ## Remove what was built (never a data directory)
	rm -rf bin web/dist web/src/api/schema.ts web/openapi.json
	find internal/console/dist -mindepth 1 ! -name .gitignore -delete
