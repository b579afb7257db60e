#!/usr/bin/env bash
# Builds the image under the example's name. Arguments go to slipway build.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/slipway.sh"
"$slipway" build -t asset-optimization "$@" .
