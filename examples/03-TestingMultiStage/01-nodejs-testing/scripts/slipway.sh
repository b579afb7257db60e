# Sourced by the other scripts: finds slipway, on the PATH or built in this
# repository, and goes to the example's directory.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
slipway=${SLIPWAY:-$(command -v slipway || true)}
if [ -z "$slipway" ] && [ -x ../../../bin/slipway ]; then slipway=$PWD/../../../bin/slipway; fi
if [ -z "$slipway" ]; then
	echo "slipway is not on the PATH: run make build at the root of the repository" >&2
	exit 2
fi
