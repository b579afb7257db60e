#!/usr/bin/env bash
# Builds for amd64 and arm64, neither emulated. Arguments go to slipway build.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/slipway.sh"
"$slipway" build -t cross-compilation --platform linux/amd64,linux/arm64 "$@" .
