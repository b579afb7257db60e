# Sourced by the break.sh of each example here: breaks copies of the example, runs the check
# that has to catch it, and compares what it says. The example itself does not change. What
# sources it has gone to the example's directory (slipway.sh) and set:
#
#	caller          the directory in which it was called
#	ways            their names
#	advisories      a directory with the record of the vulnerable package
#	caught_by WAY   prints "stage" or "gate", its name, and words of the cause that it has to print
#	break_WAY       breaks the copy in the current directory; the comment above it is shown
example=$PWD

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

random() { head -c 2048 /dev/urandom | LC_ALL=C tr -dc A-Za-z0-9 | cut -c "1-$1"; }

# fresh DIR copies the example, without what builds and tests leave. The directory stays the
# same: another one would have no caches.
fresh() {
	mkdir -p "$1"
	find "$1" -mindepth 1 -delete
	(cd "$example" && tar -c --exclude=./node_modules --exclude=./dist --exclude=./.venv --exclude=./.slipway .) | tar -x -C "$1"
}

# With no database of vulnerabilities on this machine, the record of this one serves
# meanwhile. One that is elsewhere than expected is not replaced.
borrow_database() {
	local state=${XDG_DATA_HOME:-$HOME/.local/share}/slipway
	if [ "$(id -u)" = 0 ]; then state=/var/lib/slipway; fi
	local dir=${SLIPWAY_STATE_DIR:-$state}/advisories
	if [ ! -e "$dir/current" ] && "$slipway" scan "$example" --fail-on none 2>&1 | grep -q 'there is no database'; then
		borrowed=$dir
		"$slipway" scan --update --from "$example/$advisories"
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
