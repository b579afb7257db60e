#!/usr/bin/env bash
# Known vulnerabilities that the code of slipway and of its runc can reach. The
# database is $GOVULNDB (https:// or file://; "off" skips), else Go's own site,
# else its copy in the module golang.org/x/vulndb. Without any of them the script
# says so and succeeds: no network is no finding.
# $GOVULNCHECK names an installed govulncheck; else this version is compiled.
set -euo pipefail
cd "$(dirname "$0")/.."
version=v1.9.0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

skip() {
	echo "govulncheck: $1: skipped"
	exit 0
}

[ "${GOVULNDB:-}" != off ] || skip "GOVULNDB=off"
toolchain=$(sed -n 's/^toolchain //p' go.mod)
[ -n "${GOVULNCHECK:-}" ] || [ "$(go env GOVERSION)" = "$toolchain" ] || skip "$(go env GOVERSION) compiles, not $toolchain with its fixes"

tool=${GOVULNCHECK:-$tmp/govulncheck}
if [ -z "${GOVULNCHECK:-}" ] && ! GOBIN=$tmp go install "golang.org/x/vuln/cmd/govulncheck@$version" 2>"$tmp/log"; then
	cat "$tmp/log" >&2
	skip "govulncheck $version cannot be compiled"
fi

# reachable DB: does it answer the smallest question?
reachable() { timeout 60 "$tool" -db "$1" -mode query -format json stdlib@go1.0 >/dev/null 2>&1; }

# copied prints the address of the copy that the module proxy has.
copied() {
	timeout 300 go mod download -json golang.org/x/vulndb@latest >"$tmp/module" 2>/dev/null || return 1
	echo "file://$(sed -n 's/^.*"Dir": "\(.*\)".*$/\1/p' "$tmp/module")/data/osv"
}

db=${GOVULNDB:-https://vuln.go.dev}
if ! reachable "$db"; then
	[ -z "${GOVULNDB:-}" ] && db=$(copied) && reachable "$db" || skip "vulnerability database not reachable"
fi
echo "govulncheck: database $db"

# Findings without a fix that the programs can take, and why they do not count:
# GO-2026-5932: golang.org/x/crypto/openpgp is unmaintained. Rekor's module links it into
# slipway-tools for entries with PGP keys, which no bundle of an image has; a test keeps
# it out of slipway. Remove this when Rekor's module does without.
accepted='GO-2026-5932'

# scan ARGUMENTS: runs govulncheck; findings that are accepted alone are no failure.
scan() {
	local result=0
	GOOS=linux "$tool" -db "$db" "$@" >"$tmp/findings" || result=$?
	cat "$tmp/findings"
	if [ $result -eq 3 ] && grep -q '^Vulnerability #' "$tmp/findings" && ! grep '^Vulnerability #' "$tmp/findings" | grep -qvE ": ($accepted)\$"; then
		echo "accepted: $accepted (scripts/vulncheck.sh says why)"
		return 0
	fi
	return $result
}

# What slipway carries runs on Linux; both modules are looked at before either fails.
status=0
scan ./... || status=$?
# runc has C code, which make's CGO_ENABLED=0 would leave out with the Go code beside it.
CGO_ENABLED=1 scan -C internal/assets/runc github.com/opencontainers/runc || status=$?
[ $status -eq 0 ] || echo "hint: raise the modules named above (go get MODULE@VERSION, make licences), or the toolchain lines of the go.mod files" >&2
exit $status
