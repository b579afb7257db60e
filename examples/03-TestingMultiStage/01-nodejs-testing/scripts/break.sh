#!/usr/bin/env bash
# Breaks a copy of this example in one way, and shows the check that catches it.
#
#	scripts/break.sh                    every way, one after the other
#	scripts/break.sh licence key        these ways
#	scripts/break.sh --list
#	scripts/break.sh --copy DIR key     writes the broken copy into a new directory, and runs nothing
#
# Exit code 1: something passed that must not. The example itself does not change.
set -euo pipefail
caller=$PWD
source "$(dirname "${BASH_SOURCE[0]}")/slipway.sh"
example=$PWD

# Each way has a function that breaks the copy in the current directory, a check that has
# to catch it, and words of the cause that this check has to print.
ways="test key deleted-key vulnerability licence size"

caught_by() {
	case $1 in
	test) echo stage unit-tests "half a cent goes to the customer" ;;
	key) echo gate secrets "/app/public/settings.json:1: error: " ;;
	deleted-key) echo gate secrets "/app/deploy.pem: error: " ;;
	vulnerability) echo gate vulnerabilities "update minimist to 1.2.6" ;;
	licence) echo gate licences "ua-parser-js 2.0.0-beta.3 has the licence AGPL-3.0-or-later" ;;
	size) echo gate growth "public/film.mp4 is new" ;;
	*) return 1 ;;
	esac
}

# Rounds half a cent up, for the shop.
break_test() { edit src/orders.ts 's|Math\.ceil(full \* 0\.05)|Math.floor(full * 0.05)|'; }

# A payment key among the files that browsers get.
break_key() { printf '{"payments": "%s%s"}\n' sk_live_ "$(random 24)" >public/settings.json; }

# A key that the Dockerfile deletes again: it is still in the layer below.
break_deleted-key() {
	printf -- '-----BEGIN %s KEY-----\n%s\n-----END %s KEY-----\n' PRIVATE "$(head -c 600 /dev/urandom | base64)" PRIVATE >deploy.pem
	edit Dockerfile 's|^COPY --link --from=builder /out/app/ /app/$|&\
COPY deploy.pem /app/deploy.pem\
RUN ["node", "-e", "require('\''node:fs'\'').rmSync('\''/app/deploy.pem'\'')"]|'
}

# CVE-2021-44906, critical, fixed in 1.2.6.
break_vulnerability() {
	add_package minimist 1.2.5 MIT sha512-FM9nNUYrRBAELZQT3xeZQ7fmMOBg6nWNmJKTcgsJeaLstP/UODVpGsr5OhXhhXg6f+qtJ8uiZ+PUxkDWcgIXLw==
}

# Version 1 has the MIT licence; version 2 changed to one that slipway.yaml denies.
break_licence() {
	add_package ua-parser-js 2.0.0-beta.3 AGPL-3.0-or-later sha512-vZkEG/GplLRxj4XVrjLUQpSNg9Qj9RdnIqrOy8dqrLP1e5x7i2N8RfVYlWRbKEZdDSWfeWNcWS38gmieX03/5A==
}

# A film among the pages.
break_size() { head -c 45000000 /dev/zero >public/film.mp4; }

# edit FILE SCRIPT runs sed on a file. An edit that changes nothing is an error: the
# example changed, and this script did not.
edit() {
	sed "$2" "$1" >"$1.new"
	if cmp -s "$1" "$1.new"; then
		echo "break.sh: there is nothing to break in $1: no line for sed '$2'" >&2
		exit 2
	fi
	cat "$1.new" >"$1" && rm "$1.new"
}

# add_package NAME VERSION LICENCE INTEGRITY adds a production package without
# dependencies to manifest and lock file.
add_package() {
	edit package.json "s|^  \"dependencies\": {\$|&\\
    \"$1\": \"$2\",|"
	edit package-lock.json "/^  \"packages\": {\$/,/^    },\$/{
s|^      \"dependencies\": {\$|&\\
        \"$1\": \"$2\",|
s|^    },\$|&\\
    \"node_modules/$1\": {\\
      \"version\": \"$2\",\\
      \"integrity\": \"$4\",\\
      \"license\": \"$3\"\\
    },|
}"
}

random() { head -c 2048 /dev/urandom | LC_ALL=C tr -dc A-Za-z0-9 | cut -c "1-$1"; }

# fresh DIR copies the example, without what builds and tests leave. The directory stays the
# same: another one would have no caches.
fresh() {
	mkdir -p "$1"
	find "$1" -mindepth 1 -delete
	(cd "$example" && tar -c --exclude=./node_modules --exclude=./dist --exclude=./.slipway .) | tar -x -C "$1"
}

# With no database of vulnerabilities on this machine, the record of this one serves
# meanwhile: test/advisories. One that is elsewhere than expected is not replaced.
borrow_database() {
	local state=${XDG_DATA_HOME:-$HOME/.local/share}/slipway
	if [ "$(id -u)" = 0 ]; then state=/var/lib/slipway; fi
	local dir=${SLIPWAY_STATE_DIR:-$state}/advisories
	if [ ! -e "$dir/current" ] && "$slipway" scan "$example" --fail-on none 2>&1 | grep -q 'there is no database'; then
		borrowed=$dir
		"$slipway" scan --update --from "$example/test/advisories"
	fi
}
return_database() {
	[ -z "$borrowed" ] || rm -rf "$borrowed"
	borrowed=
}

# gates builds the image and holds it against its gates. What the build says of its steps is
# shown when it fails.
gates() {
	"$slipway" build --tag broken >"$work/build" 2>&1 || {
		local code=$?
		cat "$work/build"
		return $code
	}
	"$slipway" gate --tag broken 2>&1
}

# stage runs one stage. Its result and the reason come last.
stage() {
	local code=0
	"$slipway" test --only "$1" 2>"$work/steps" || code=$?
	sed -n '/^slipway: /,$p' "$work/steps"
	return $code
}

# check WAY breaks a fresh copy, runs what has to catch it, and notes the verdict.
check() {
	local way=$1 kind what cause code=0 want=4
	read -r kind what cause < <(caught_by "$way")
	printf '\n=== %s: %s\n' "$way" "$(sed -n "/^break_$way()/{x;s/^# //p;};h" "$example/scripts/break.sh")"
	fresh "$work/copy"
	cd "$work/copy"
	"break_$way"
	if [ "$way" = vulnerability ]; then borrow_database; fi
	if [ "$kind" = stage ]; then
		want=3
		stage "$what" >"$work/said" || code=$?
	else
		gates >"$work/said" || code=$?
	fi
	return_database
	cat "$work/said"
	if [ "$code" = "$want" ] && grep -qF -- "$cause" "$work/said"; then
		verdicts+="$(printf '%-14s caught, exit code %s: %s' "$way" "$code" "$kind $what")"$'\n'
	else
		verdicts+="$(printf '%-14s NOT CAUGHT: exit code %s, not %s with "%s"' "$way" "$code" "$want" "$cause")"$'\n'
		missed=1
	fi
}

case ${1:-} in
--list)
	printf '%s\n' $ways
	exit
	;;
--copy)
	to=$(cd "$caller" && realpath -m -- "${2:-.}")
	case $to/ in "$example"/*) inside=1 ;; *) inside=0 ;; esac
	if [ $# != 3 ] || ! caught_by "$3" >/dev/null || [ -e "$to" ] || [ "$inside" = 1 ]; then
		echo "usage: scripts/break.sh --copy NEW-DIRECTORY WAY; not inside of the example; the ways: $ways" >&2
		exit 2
	fi
	fresh "$to"
	cd "$to"
	"break_$3"
	exit
	;;
esac
for way in "$@"; do
	if ! caught_by "$way" >/dev/null; then
		echo "break.sh: unknown way \"$way\"; the ways: $ways" >&2
		exit 2
	fi
done
[ $# -gt 0 ] || set -- $ways

work=$(mktemp -d "${TMPDIR:-/tmp}/slipway-broken-XXXXXX")
borrowed= verdicts= missed=0
trap 'return_database; rm -rf "$work"' EXIT
echo "=== as it is: the image that the others are compared with"
fresh "$work/copy"
(cd "$work/copy" && gates)
for way in "$@"; do check "$way"; done
printf '\n%s' "$verdicts"
exit "$missed"
