#!/usr/bin/env bash
# Builds the services of this fleet: all of them, or those that are named.
#
#   ./build-services.sh
#   ./build-services.sh fast-requesthandler-service
#   ./build-services.sh --registry localhost:5000 --push
#   ./build-services.sh --tag v1.2.3 --platform linux/arm64
#   ./build-services.sh --platform linux/amd64,linux/arm64
#   ./build-services.sh --parallel 5
#   SERVICES_TO_SKIP="fast-mdzmediation-service" ./build-services.sh
#
# Flags and SERVICES_TO_SKIP are those of "slipway build".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if [[ -n ${SLIPWAY:-} ]]; then
  slipway=$SLIPWAY
elif [[ -x ../../bin/slipway ]]; then
  slipway=../../bin/slipway
else
  slipway=slipway
fi

if ! command -v "$slipway" >/dev/null; then
  echo "build-services.sh: there is no executable $slipway" >&2
  echo "  run \"make build\" at the root of the repository, put slipway in the PATH, or set SLIPWAY to its absolute path" >&2
  exit 2
fi

exec "$slipway" build "$@"
