#!/bin/bash
# Runs every fuzz target of the tree for a while each, one after the other:
#
#   make fuzz                     every target, 30 s each
#   make fuzz FUZZTIME=5s ONLY=Lock
#
# An input that fails is kept by go test below testdata/fuzz; commit it together
# with the fix. The exit code is 1 if a target failed.
set -u
cd "$(dirname "$0")/.."
failed=0
while IFS=: read -r file line; do
	name=${line#func }
	name=${name%%(*}
	[[ $name == *${ONLY:-}* ]] || continue
	echo "== $(dirname "$file") $name"
	go test "./$(dirname "$file")" -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-30s}" -parallel "${FUZZPARALLEL:-2}" || failed=1
done < <(git ls-files '*_test.go' | xargs grep -H '^func Fuzz')
exit $failed
