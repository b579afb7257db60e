#!/usr/bin/env bash
# Two builds of the last commit from two clones at two paths: one with the caches of
# this machine, one with none; then the first again over its own leftovers. All must
# be the same bytes. KEEP=1 keeps the clones of a failure.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/slipway-reproducible-XXXXXX")
cleanup() {
	[ -n "${KEEP:-}" ] && return
	chmod -R u+w "$tmp" 2>/dev/null || true
	rm -rf "$tmp"
}
trap cleanup EXIT

# built DIR: digests of the program and of what it carries.
built() { (cd "$1" && sha256sum bin/slipway internal/assets/bin/*); }

first=$tmp/a
second=$tmp/another/place/with-a-longer-name
git clone -q "$root" "$first"
git clone -q "$root" "$second"
make -s -C "$first" build
# What GOFLAGS, the umask or the time zone of another machine say is in no byte.
(umask 077 && TZ=Asia/Tokyo LC_ALL=C GOFLAGS='' GOCACHE=$tmp/cache make -s -C "$second" build)
built "$first" >"$tmp/first"
built "$second" >"$tmp/second"
touch "$first/internal/assets/bin/runc-linux-other.xz" # as a build for another architecture leaves
make -s -C "$first" build
built "$first" >"$tmp/again"
for other in second again; do
	if ! diff "$tmp/first" "$tmp/$other"; then
		echo "reproducible: the builds differ; KEEP=1 make reproducible keeps them in $tmp" >&2
		exit 1
	fi
done
echo "reproducible: $(cut -c1-64 "$tmp/first" | head -1) slipway, three times"
