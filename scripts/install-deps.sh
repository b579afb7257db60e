#!/usr/bin/env bash
# Installs what is missing for one of: build, demo, engine, test, bench, tables. It asks Debian's
# package manager, and only when something really is missing.
set -euo pipefail

need_build=(gcc libc6-dev libseccomp-dev ca-certificates git xz-utils)
need_demo=(curl)
need_engine=(busybox-static iptables)
need_test=(curl openssh-client docker.io skopeo podman qemu-user-static busybox-static iptables uidmap nginx python3-pip)
need_bench=(mmdebstrap curl nginx-light wrk)
need_tables=(git python3-pip)

case "${1:-}" in
build) packages=("${need_build[@]}") ;;
demo) packages=("${need_demo[@]}") ;;
engine) packages=("${need_engine[@]}") ;;
test) packages=("${need_demo[@]}" "${need_test[@]}") ;;
tables) packages=("${need_tables[@]}") ;;
bench) packages=("${need_bench[@]}") ;;
*)
	echo "usage: $0 build|demo|engine|test|bench|tables" >&2
	exit 2
	;;
esac

# go.mod names a Go with the fixes of its standard library; the module proxy has it.
if [ "$1" = build ]; then
	go version >/dev/null || {
		echo "install-deps: go is not installed, or does not start: https://go.dev/doc/install" >&2
		exit 1
	}
	toolchain=$(sed -n 's/^toolchain //p' go.mod)
	[ "$(go env GOVERSION)" = "$toolchain" ] || echo "note: $toolchain, which has fixes of the standard library, cannot be downloaded; $(go env GOVERSION) compiles" >&2
fi

# The npm registry's address is npm's to know: its configuration is read from
# npm itself where no other source names it.
if [ "$1" != build ] && [ "$1" != tables ] && ! command -v npm >/dev/null && [ -z "${NPM_CONFIG_REGISTRY:-}${npm_config_registry:-}" ]; then
	packages+=(npm)
fi

missing=()
for p in "${packages[@]}"; do
	if ! dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed'; then missing+=("$p"); fi
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
	echo "install-deps: this is not a Debian machine; install the equivalents of: ${missing[*]}" >&2
	exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "install-deps: missing ${missing[*]}; run as root: apt-get install -y ${missing[*]}" >&2
	exit 1
fi
echo "install-deps: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# Services that the packages bring (dockerd) are started by the tests that need
# them, not by the installation.
if ! { apt-get update && RUNLEVEL=1 apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
	cat "$log" >&2
	echo "install-deps: apt-get failed; its output is above" >&2
	exit 1
fi
