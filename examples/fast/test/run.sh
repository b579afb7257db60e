#!/usr/bin/env bash
# Installs, generates, compiles and tests every service on this machine, without images; then the fleet as a whole.
# Needs Node.js 20 or newer, npm and curl.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for service in fast-*-service; do
  echo "== $service"
  (
    cd "$service"
    npm ci --prefer-offline --no-audit --no-fund --loglevel=error
    npm test --loglevel=error
  )
done

echo "== the fleet"
node --test test/*.test.mjs
