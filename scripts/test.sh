#!/usr/bin/env bash
# The whole suite, in the order in which failures are cheapest to find. Heavy
# parts share one state directory and one set of downloads. Every part prints
# what it took; the first that fails ends the run.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d "${TMPDIR:-/tmp}/slipway-test-XXXXXX")
cleanup() {
	status=$?
	rm -rf "$work" || true
	exit "$status"
}
trap cleanup EXIT

part() {
	local name=$1 start=$SECONDS
	shift
	printf '\n=== %s\n' "$name"
	"$@"
	printf '=== %s: ok, %d s\n' "$name" $((SECONDS - start))
}

# Tests of the real thing, one state directory for all of them.
real_tests() { SLIPWAY_E2E_STATE=$work/state TIMEOUT=80m scripts/real.sh "$@"; }

fleet_sources() {
	if [ "$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')" -ge 20 ] 2>/dev/null; then
		examples/fast/test/run.sh
	else
		echo "skipped: needs Node.js 20 or newer on this machine; the same code is built and run in images below"
	fi
}

part "format, vet, static analysis" make --no-print-directory check
part "unit, golden and script tests, under the race detector" go test -race ./...
part "certificates of a real authority" env SLIPWAY_ACME=1 go test -count=1 -run TestCertificatesOfARealAuthority ./internal/deploy/host
part "the FAST services as plain processes" fleet_sources
part "engine, bases, containers and companions, for real" real_tests ./internal/engine/... ./internal/baseimage/... ./internal/localrun/... ./internal/rootless/... ./internal/companions/...
if [ "${SLIPWAY_E2E_CLUSTER:-}" = 1 ]; then
	part "manifests, as kustomize and Helm read them" go test -C test/manifests -count=1 .
	part "a real Kubernetes" real_tests -v -run TestOnARealCluster ./internal/shipping
else
	echo "skipped: a real Kubernetes, which takes a quarter of an hour to compile: make cluster, or SLIPWAY_E2E_CLUSTER=1"
fi
part "end to end" real_tests -v ./test/e2e/...
printf '\nall parts passed in %d s\n' "$SECONDS"
