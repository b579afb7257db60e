# `make demo` and `make test` do everything from a clean clone; `make build`
# leaves bin/slipway.
SHELL := /bin/bash
SOURCES := cmd internal test bench scripts/licences
# Twelve digits: git's own length depends on the clone.
VERSION := $(shell git describe --tags --always --dirty --abbrev=12 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/slipway-build/slipway/internal/cli.Version=$(VERSION)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
# The Go that go.mod names, with the fixes of its standard library, also where the
# machine says GOTOOLCHAIN=local; the installed one where it cannot be downloaded.
TOOLCHAIN := $(shell sed -n 's/^toolchain //p' go.mod)
export GOTOOLCHAIN := $(shell GOTOOLCHAIN=$(TOOLCHAIN) go version >/dev/null 2>&1 && echo $(TOOLCHAIN) || echo local)
# slipway and what it carries run with any libc, or with none, and share what is compiled.
export CGO_ENABLED := 0

.PHONY: build reproducible demo test check style analysis cluster vulncheck cross fix unit e2e verdicts trees kills faults findings licences packages tables fuzz bench clean

# compile: bin/slipway; $(1) is for scripts/build-assets.sh.
define compile
	@scripts/install-deps.sh build
	@scripts/build-assets.sh $(1)
	go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/slipway ./cmd/slipway
endef

## build: bin/slipway with its runc and probes inside
build:
	$(call compile)

## reproducible: two builds of the last commit at two paths, one without any cache; they must be identical. In ten minutes
reproducible:
	@scripts/install-deps.sh build
	@scripts/reproducible.sh

## demo: build the FAST fleet for real, run it, send payments through it
demo:
	$(call compile,--quick)
	@scripts/install-deps.sh demo
	@scripts/demo.sh

## test: everything; nothing skips without saying why
test: build
	@scripts/test.sh

## cluster: the tests on a real Kubernetes, compiled from its modules; in half an hour from nothing, in six minutes after
cluster: build
	@scripts/install-deps.sh test
	go test -C test/manifests -count=1 .
	scripts/real.sh -v -run TestOnARealCluster ./internal/shipping

## check: formatting, vet, static analysis and known vulnerabilities; `make fix` fixes what can be fixed
check: style analysis

## style: the part of check that takes a minute: formatting and vet
style:
	@test -z "$$(gofmt -l $(SOURCES))" || { gofmt -l $(SOURCES); echo "run: make fix"; exit 1; }
	go vet ./...

## analysis: the part of check that takes minutes: other systems, static analysis, known vulnerabilities
analysis:
	SLIPWAY_CHECK=1 go test -count=1 -run 'TestItCompilesElsewhere|TestPackageExamplesCompile|TestThirdPartyIsCurrent' ./internal
	go run $(STATICCHECK) ./...
	@scripts/vulncheck.sh

## vulncheck: known vulnerabilities that slipway and its runc can reach; GOVULNDB=<database>, GOVULNDB=off
vulncheck:
	@scripts/vulncheck.sh

## cross: slipway for systems that have no embedded engine
cross:
	GOOS=darwin GOARCH=arm64 go build -o /dev/null ./cmd/slipway
	GOOS=windows go build -o /dev/null ./cmd/slipway

fix:
	gofmt -w $(SOURCES)
	go mod tidy

unit:
	go test ./...

e2e: build
	@scripts/install-deps.sh test
	scripts/real.sh ./test/e2e/...

## verdicts: the property test, RUNS random changes against full builds; SEED repeats a run
RUNS := 10000
SEED := 1
verdicts: build
	@scripts/install-deps.sh engine
	SLIPWAY_VERDICT_RUNS=$(RUNS) SLIPWAY_VERDICT_SEED=$(SEED) TIMEOUT=3h scripts/real.sh -v -run TestEqualFingerprintsMeanEqualImages ./test/e2e

## trees: the property test of installs of npm, TREES random changes of dependencies against npm ci; in half an hour; SEED repeats a run
TREES := 500
trees:
	SLIPWAY_E2E=1 SLIPWAY_TREE_RUNS=$(TREES) SLIPWAY_TREE_SEED=$(SEED) go test -count=1 -timeout 3h -v -run 'EarlierTree|SomebodyTouched' ./internal/ecosystem/node

## kills: builds that are killed KILLS times, and the builds after them
KILLS := 50
kills: build
	@scripts/install-deps.sh engine
	SLIPWAY_KILLS=$(KILLS) scripts/real.sh -v -run 'TestBuildsAfterKills|TestABuildAfterAKill' ./test/e2e

## faults: everything that is to be survived, in numbers; in two hours
faults: export SLIPWAY_KILLS := 200
faults: export SLIPWAY_PUSHES := 200
faults: export SLIPWAY_ROUNDS := 100
faults: export SLIPWAY_FLIPS := 500
faults: export SLIPWAY_BUILDS := 500
faults: build
	@scripts/install-deps.sh engine
	TIMEOUT=4h scripts/real.sh -v -run 'RandomInstants|AnyInstant|BadRegistry|AtOnceDoNot|TheClock|NoFlipped|AFullDisk' ./test/e2e
	TIMEOUT=1h scripts/real.sh -v -run TestManyBuilds ./internal/engine/embedded

## findings: docs/FINDINGS.md from the table of codes
findings:
	go test ./internal/diag -run TestFindingsAreDocumented -update

## licences: docs/THIRD_PARTY.md from the modules that the programs link
licences:
	go run -C scripts/licences . "$(CURDIR)"

## packages: rows of docs/PACKAGES.md, a base for each of the 200 usual Debian packages, in an hour; ONLY=<names>, ONLY=missing
packages:
	SLIPWAY_PACKAGES=$(CURDIR)/docs/PACKAGES.md SLIPWAY_PACKAGES_ONLY="$(ONLY)" go test -count=1 -timeout 3h -v -run TestUsualPackages ./internal/baseimage

## tables: what Debian, PyPI, python-build-standalone and gitleaks publish, in internal/{assets,ecosystem/python,secret}, in minutes
tables:
	@scripts/tables.sh

## fuzz: every fuzz target, 30 s each; FUZZTIME=5s, ONLY=<part of a name>
fuzz:
	@scripts/fuzz.sh

bench: build
	@scripts/install-deps.sh bench
	@bench/run.sh

clean:
	rm -rf bin internal/assets/bin/*-*
