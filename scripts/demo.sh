#!/usr/bin/env bash
# The FAST fleet from nothing: built, started, probed, paid through, measured.
set -euo pipefail
cd "$(dirname "$0")/../examples/fast"
slipway=$(cd ../.. && pwd)/bin/slipway

title() { printf '\n\033[1m%s\033[0m\n' "$1"; }
[ -t 1 ] || title() { printf '\n== %s\n' "$1"; }

title "Build the ten services"
"$slipway" build

title "Start them and wait until each is healthy"
stop() { "$slipway" stop --all >/dev/null 2>&1 || true; }
trap stop EXIT
"$slipway" run -p 3004:3004 --detach --until-healthy --timeout 120s
"$slipway" ps

title "A payment passes through all ten"
payments/pay.sh payments/good.json

title "Refused payments say who refused, and why"
for p in "404 unknown-account" "422 over-limit" "400 malformed"; do
	payments/pay.sh --expect "${p% *}" "payments/${p#* }.json"
done

title "What came out"
"$slipway" stats
