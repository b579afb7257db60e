#!/usr/bin/env bash
# The whole suite, in the order in which failures are cheapest to find. Heavy
# parts share one state directory and one set of downloads. Every part prints
# what it took; the first that fails ends the run. Two parts run beside others,
# which wait for the network and for services much of their time.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d "${TMPDIR:-/tmp}/slipway-test-XXXXXX")
pid= # process group of the part that runs beside others
cleanup() {
	status=$?
	[ -z "$pid" ] || kill -- "-$pid" 2>/dev/null || true
	rm -rf "$work" || true
	exit "$status"
}
trap cleanup EXIT

# What make build compiles with, so that nothing is compiled a second time for its tests.
export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -trimpath -buildvcs=false"

part() {
	local name=$1 start=$SECONDS
	shift
	printf '\n=== %s\n' "$name"
	"$@"
	printf '=== %s: ok, %d s\n' "$name" $((SECONDS - start))
}

# begin starts a part beside those that follow. One at a time.
begin() {
	set -m # a process group of its own, to end it with what it started
	part "$@" >"$work/beside" 2>&1 </dev/null &
	pid=$!
	set +m
}

# joined waits for the part that was begun, if one was, and prints its output.
joined() {
	[ -n "$pid" ] || return 0
	local status=0
	wait "$pid" || status=$?
	pid=
	cat "$work/beside"
	[ "$status" -eq 0 ] || exit "$status"
}

# Tests of the real thing, one state directory for all of them.
real_tests() { SLIPWAY_E2E_STATE=$work/state TIMEOUT=80m scripts/real.sh -vet=off "$@"; }

fleet_sources() {
	if [ "$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')" -ge 20 ] 2>/dev/null; then
		examples/fast/test/run.sh
	else
		echo "skipped: needs Node.js 20 or newer on this machine; the same code is built and run in images below"
	fi
}

begin "packages of the tests" scripts/install-deps.sh test
part "format and vet" make --no-print-directory style
joined
# vet has seen everything in the part above.
part "unit, golden and script tests, under the race detector" env CGO_ENABLED=1 go test -race -vet=off ./...
part "certificates of a real authority" env SLIPWAY_ACME=1 go test -vet=off -count=1 -run TestCertificatesOfARealAuthority ./internal/deploy/host
part "the FAST services as plain processes" fleet_sources
part "installs of npm that start from earlier ones" make --no-print-directory trees TREES=6
begin "static analysis" nice -n 19 make --no-print-directory analysis
part "engine, bases, containers and companions, for real" real_tests ./internal/engine/... ./internal/baseimage/... ./internal/localrun/... ./internal/rootless/... ./internal/companions/...
if [ "${SLIPWAY_E2E_CLUSTER:-}" = 1 ]; then
	part "manifests, as kustomize and Helm read them" go test -C test/manifests -count=1 .
	part "a real Kubernetes" real_tests -v -run TestOnARealCluster ./internal/shipping
else
	echo "skipped: a real Kubernetes, which takes a quarter of an hour to compile: make cluster, or SLIPWAY_E2E_CLUSTER=1"
fi
kill -0 "$pid" 2>/dev/null || joined # at once, if it has ended
part "end to end" real_tests -v ./test/e2e/...
joined
printf '\nall parts passed in %d s\n' "$SECONDS"
