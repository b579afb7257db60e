# `make demo` and `make test` do everything from a clean clone; `make build`
# leaves bin/slipway.
SHELL := /bin/bash
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/slipway-build/slipway/internal/cli.Version=$(VERSION)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: build demo test check cross fix unit e2e fuzz bench clean

## build: bin/slipway with its runc and probes inside
build:
	@scripts/install-deps.sh build
	@scripts/build-assets.sh
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/slipway ./cmd/slipway

## demo: build the FAST fleet for real, run it, send payments through it
demo: build
	@scripts/install-deps.sh demo
	@scripts/demo.sh

## test: everything; nothing skips without saying why
test: build
	@scripts/install-deps.sh test
	@scripts/test.sh

## check: formatting, vet and static analysis; `make fix` mends what can be mended
check:
	@test -z "$$(gofmt -l cmd internal test bench)" || { gofmt -l cmd internal test bench; echo "run: make fix"; exit 1; }
	go vet ./...
	SLIPWAY_CHECK=1 go test -count=1 -run TestItCompilesElsewhere ./internal
	go run $(STATICCHECK) ./...

## cross: slipway for systems that have no embedded engine
cross:
	GOOS=darwin GOARCH=arm64 go build -o /dev/null ./cmd/slipway
	GOOS=windows go build -o /dev/null ./cmd/slipway

fix:
	gofmt -w cmd internal test bench
	go mod tidy

unit:
	go test ./...

e2e: build
	@scripts/install-deps.sh test
	SLIPWAY_E2E=1 go test -count=1 -timeout 45m ./test/e2e/...

## fuzz: every fuzz target, 30 s each; FUZZTIME=5s, ONLY=<part of a name>
fuzz:
	@scripts/fuzz.sh

bench: build
	@scripts/install-deps.sh bench
	@bench/run.sh

clean:
	rm -rf bin internal/assets/bin/*.gz internal/assets/bin/*.key
