#!/usr/bin/env bash
# Writes the tables of what others publish again: the packages of Debian's libraries, the
# wheels of compiled Python packages, the releases of standalone Pythons and gitleaks' rules. It asks
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

# The newest release that the module proxy has; its licence is beside the data.
read -r module version < <(cd "$dir" && go mod download -json github.com/zricethezav/gitleaks/v8@latest | python3 -c 'import json, sys; m = json.load(sys.stdin); print(m["Dir"], m["Version"])')
python3 scripts/secret-rules.py "$module" "$version" >"$dir/rules.go"
gofmt "$dir/rules.go" >internal/secret/gitleaks_table.go
git diff --stat -- internal/assets internal/ecosystem/python internal/secret
