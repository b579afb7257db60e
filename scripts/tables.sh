#!/usr/bin/env bash
# Writes the tables of what others publish again: the packages of Debian's libraries, the
# wheels of compiled Python packages and the releases of standalone Pythons. It asks
# the mirror of apt and the index of pip that this machine is configured with.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/install-deps.sh tables
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' | head -n 1)
[ -n "$mirror" ] || { echo "tables: apt has no mirror; run apt-get update" >&2; exit 1; }
SLIPWAY_LIBRARIES_OF="${mirror%/}/dists/trixie/main" go test -count=1 -run TestWriteLibraries ./internal/proof

python3 scripts/python-wheels.py >"$dir/wheels.go"
pip download --quiet --disable-pip-version-check --no-deps -d "$dir" pbs-installer
python3 scripts/python-standalone.py "$dir"/pbs_installer-*.whl >"$dir/standalone.go"
gofmt "$dir/wheels.go" >internal/ecosystem/python/wheels_table.go
gofmt "$dir/standalone.go" >internal/ecosystem/python/standalone_table.go
git diff --stat -- internal/assets internal/ecosystem/python
