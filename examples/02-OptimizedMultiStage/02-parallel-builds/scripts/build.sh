#!/usr/bin/env bash
# Builds both services side by side. Arguments go to slipway build.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/slipway.sh"
"$slipway" build "$@"
