#!/usr/bin/env bash
# Measures Dockerfile.single against Dockerfile and prints a before/after table.
# Arguments go to slipway bench: --runs 1 is quicker, --json is for programs.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/slipway.sh"
exec "$slipway" bench "$@" .
