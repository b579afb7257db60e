#!/usr/bin/env bash
# Builds everything anew, three ways: one stage with all in it, one service after
# the other, and both side by side. Then measures Dockerfile.single of each service
# against its Dockerfile. Arguments go to slipway bench: --runs 1 is quicker.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/slipway.sh"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

timed() {
	local name=$1 start end
	shift
	start=$(date +%s%N)
	if ! "$slipway" build --no-cache "$@" >"$log" 2>&1; then
		cat "$log" >&2
		exit 3
	fi
	end=$(date +%s%N)
	printf '%-34s %3d.%01d s\n' "$name" $(((end - start) / 1000000000)) $(((end - start) / 100000000 % 10))
}

"$slipway" build >"$log" 2>&1 || { cat "$log" >&2; exit 3; } # the bases, before any clock
timed "one stage, one after the other" -t parallel-builds-single -f Dockerfile.single .
timed "multi-stage, --parallel 1" --parallel 1
timed "multi-stage, side by side" --parallel 2
for service in api web; do
	echo
	"$slipway" bench "$@" "$service"
done
