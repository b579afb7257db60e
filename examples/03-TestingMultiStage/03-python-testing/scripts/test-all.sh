#!/usr/bin/env bash
# Runs all suites side by side, with the databases that they need, and prints the table
# of gates. Exit code 3: a stage failed; 4: a gate was missed. Arguments go to slipway test.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/slipway.sh"
exec "$slipway" test "$@"
