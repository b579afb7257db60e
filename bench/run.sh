#!/usr/bin/env bash
# Runs the benchmark from the root of the repository; flags are handed on, see
# bench/README.md. `make bench` builds slipway first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[ -x bin/slipway ] || make build
scripts/install-deps.sh bench
dir=${SLIPWAY_BENCH_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/slipway-bench}
mkdir -p "$dir/bin"
go build -trimpath -o "$dir/bin/bench" ./bench
exec "$dir/bin/bench" "$@"
