#!/usr/bin/env bash
# Runs go test on the tests of the real thing, with what they need: a runc, a
# state directory and one set of downloads. They run one at a time: they share
# the machine.
#
#	scripts/real.sh -run TestBuildsAfterKills -v ./test/e2e
#
# SLIPWAY_E2E_STATE keeps the state directory between runs; without it, it is a
# temporary one. `make build` and `scripts/install-deps.sh test` come first.
set -euo pipefail
cd "$(dirname "$0")/.."

packed=internal/assets/bin/runc-linux-$(go env GOARCH).xz
if [ ! -f "$packed" ]; then
	echo "real.sh: there is no $packed; run: make build" >&2
	exit 1
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/slipway-real-XXXXXX")
trap 'rm -rf "$work"' EXIT

export SLIPWAY_E2E=1 SLIPWAY_E2E_STATE=${SLIPWAY_E2E_STATE:-$work/state}
export SLIPWAY_E2E_PACKAGES=${SLIPWAY_E2E_PACKAGES:-$SLIPWAY_E2E_STATE/packages}
export SLIPWAY_RUNC=$work/runc
mkdir -p "$SLIPWAY_E2E_STATE"
xz -dc "$packed" >"$SLIPWAY_RUNC"
chmod +x "$SLIPWAY_RUNC"
# As make build compiles.
CGO_ENABLED=0 go test -count=1 -p 1 -timeout "${TIMEOUT:-60m}" "$@"
