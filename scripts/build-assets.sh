#!/bin/sh
# Builds what the slipway binary embeds into internal/assets/bin: the static
# probes and security-scan for linux/amd64 and linux/arm64, and slipway-tools and a
# static runc for this machine.
# Does nothing for an asset whose inputs are those of the last time. The same
# inputs give the same bytes: scripts/reproducible.sh.
# --quick is for make demo: it leaves out what images of other architectures need, and
# compresses less. What it made is made again without it.
# Usage: scripts/build-assets.sh [--quick] [GOARCH of slipway, slipway-tools and runc]
set -eu
cd "$(dirname "$0")/.."
bin=$PWD/internal/assets/bin
preset=9e
if [ "${1:-}" = --quick ]; then
	shift
	preset=0
fi
arch=${1:-$(go env GOARCH)}
export CGO_ENABLED=0 # as make build, which shares what is compiled here
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT INT TERM

missing() {
	echo "build-assets: $1; on Debian: apt-get install $2" >&2
	exit 1
}
command -v xz >/dev/null || missing "the programs are compressed by xz, which is not installed" xz-utils

# What make build needs next is downloaded beside what is compiled here; problems are its to report.
{ go list -deps ./cmd/slipway && go list -C internal/assets/runc -deps github.com/opencontainers/runc; } >/dev/null 2>&1 &

# key FILE...: a digest of the versions of Go and xz, what else changes their output, this
# script and the files.
key() { { go version; go env GOAMD64 GOARM64 GOEXPERIMENT; xz --version; cat scripts/build-assets.sh "$@"; } | sha256sum | cut -d' ' -f1; }

# fresh NAME KEY: is the asset there, and made from these inputs? One that is compressed
# well does for a quick build, too.
fresh() {
	[ -s "$bin/$1.xz" ] && [ -s "$bin/$1.sum" ] || return 1
	case $(cat "$bin/$1.key" 2>/dev/null) in
	"$2 9e" | "$2 $preset") ;;
	*) return 1 ;;
	esac
}

# wanted NAME GOARCH: is a program for images of this architecture to be made? A stale one
# that is not goes.
wanted() {
	[ "$preset" = 9e ] || [ "$2" = "$arch" ] && return
	echo "left out $1: make build adds it" >&2
	rm -f "$bin/$1".*
	return 1
}

# store NAME KEY: compresses $tmp/NAME into place, and writes the digest of that and the
# size of the program; the key comes last. xz takes three quarters of gzip -9's bytes. A
# filter for x86 takes 5 % off; Slipway's reader has none for arm64. The dictionary bounds
# the memory of unpacking.
store() {
	case $1 in
	*-amd64) filter=--x86 ;;
	*) filter= ;;
	esac
	XZ_DEFAULTS='' XZ_OPT='' xz -T1 --check=crc32 $filter "--lzma2=preset=$preset,dict=8MiB" <"$tmp/$1" >"$tmp/$1.xz"
	rm -f "$bin/$1.key"
	mv "$tmp/$1.xz" "$bin/$1.xz"
	echo "$(sha256sum <"$bin/$1.xz" | cut -d' ' -f1) $(wc -c <"$tmp/$1" | tr -d ' ')" >"$bin/$1.sum"
	echo "$2 $preset" >"$bin/$1.key"
	echo "built $1: $(cut -d' ' -f2 "$bin/$1.sum") bytes, $(wc -c <"$bin/$1.xz") compressed" >&2
}

# later NAME KEY: stores beside what comes next, because xz uses one core; stored waits for all.
stores=
later() {
	store "$1" "$2" &
	stores="$stores $!"
}
stored() { for pid in $stores; do wait "$pid"; done; }

# The second program, for the machine that slipway is for. It is the largest: its compression
# takes as long as compiling the others.
os=$(go env GOOS)
tools=slipway-tools-$os-$arch
sources=$(GOARCH=$arch go list -deps -f '{{if not .Standard}}{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}} {{end}}{{end}}' ./cmd/slipway-tools)
# shellcheck disable=SC2086 # a list of paths
k=$(key $sources)
if ! fresh "$tools" "$k"; then
	GOARCH=$arch go build -trimpath -buildvcs=false -ldflags="-s -w -buildid=" -o "$tmp/$tools" ./cmd/slipway-tools
	later "$tools" "$k"
fi

# Two probes: the small one, and the one that speaks TLS, which only images of
# services that are checked over TLS get. What go list names is exactly what each
# is compiled from.
for tags in "" probetls; do
	sources=$(GOOS=linux go list -tags "$tags" -deps -f '{{if not .Standard}}{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}} {{end}}{{end}}' ./cmd/slipway-probe)
	for target in amd64 arm64; do
		name=slipway-probe${tags:+-tls}-linux-$target
		# shellcheck disable=SC2086 # a list of paths
		k=$(key $sources)
		if ! fresh "$name" "$k" && wanted "$name" "$target"; then
			GOOS=linux GOARCH=$target go build -tags "$tags" -trimpath -buildvcs=false -ldflags="-s -w -buildid=" -o "$tmp/$name" ./cmd/slipway-probe
			later "$name" "$k"
		fi
	done
done

# The scanner that a stage of a Dockerfile runs.
sources=$(GOOS=linux go list -deps -f '{{if not .Standard}}{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}} {{end}}{{end}}' ./cmd/security-scan)
for target in amd64 arm64; do
	name=security-scan-linux-$target
	# shellcheck disable=SC2086 # a list of paths
	k=$(key $sources)
	if ! fresh "$name" "$k" && wanted "$name" "$target"; then
		GOOS=linux GOARCH=$target go build -trimpath -buildvcs=false -ldflags="-s -w -buildid=" -o "$tmp/$name" ./cmd/security-scan
		later "$name" "$k"
	fi
done

name=runc-linux-$arch
# Everything below bin is embedded: what another build left would change the bytes.
for other in "$bin"/runc-linux-* "$bin"/slipway-tools-* "$bin"/*.gz "$bin"/*.gz.sha256; do
	case ${other##*/} in
	*.gz | *.sha256) ;; # of this script when it used gzip
	"$tools".*) continue ;;
	"$name".*) [ "$os" != linux ] || continue ;;
	esac
	rm -f "$other"
done
if [ "$os" != linux ]; then
	stored
	exit 0
fi
case $arch in
arm64) triple=aarch64-linux-gnu ;;
amd64) triple=x86_64-linux-gnu ;;
*) triple= ;;
esac
if [ "$arch" = "$(go env GOHOSTARCH)" ]; then cc=${CC:-gcc}; else cc=${CC:-$triple-gcc}; fi
# What runc links beside Go modules, for its key and for `slipway version --sbom`.
{
	echo "libseccomp $(pkg-config --modversion libseccomp 2>/dev/null || true)"
	echo "glibc $(printf '#include <features.h>\n__GLIBC__ __GLIBC_MINOR__\n' | "$cc" -E -P - 2>/dev/null | tail -1 | tr ' ' .)"
} >"$tmp/$name.libs"
"$cc" --version >"$tmp/cc" 2>/dev/null || true
k=$(key internal/assets/runc/go.mod internal/assets/runc/go.sum "$tmp/$name.libs" "$tmp/cc")
if [ -s "$bin/$name.libs" ] && fresh "$name" "$k"; then
	stored
	exit 0
fi
command -v "$cc" >/dev/null || missing "runc needs the C compiler $cc" "gcc libc6-dev libseccomp-dev pkg-config"
command -v pkg-config >/dev/null || missing "runc needs pkg-config" "pkg-config libseccomp-dev"
echo 'int main(void) { return 0; }' >"$tmp/try.c"
"$cc" -static -o "$tmp/try" "$tmp/try.c" -lseccomp 2>/dev/null || missing "runc needs libseccomp and libc to link with statically" "libseccomp-dev libc6-dev"
version=$(go list -C internal/assets/runc -m -f '{{.Version}}' github.com/opencontainers/runc)
CGO_ENABLED=1 GOOS=linux GOARCH=$arch CC=$cc go build -C internal/assets/runc -trimpath -buildvcs=false \
	-tags 'seccomp netgo osusergo urfave_cli_no_docs' \
	-ldflags "-s -w -buildid= -linkmode external -extldflags '-static' -X main.version=${version#v}" \
	-o "$tmp/$name" github.com/opencontainers/runc
mv "$tmp/$name.libs" "$bin/$name.libs"
store "$name" "$k"
stored
