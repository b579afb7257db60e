#!/usr/bin/env bash
# Breaks a copy of this example in one way, and shows the check that catches it.
#
#	scripts/break.sh                    every way, one after the other
#	scripts/break.sh size key           these ways
#	scripts/break.sh --list
#	scripts/break.sh --copy DIR key     writes the broken copy into a new directory, and runs nothing
#
# Exit code 1: something passed that must not. The example itself does not change.
set -euo pipefail
caller=$PWD
source "$(dirname "${BASH_SOURCE[0]}")/slipway.sh"
advisories=tests/advisories

# Each way has a function that breaks the copy in the current directory, a check that has
# to catch it, and words of the cause that this check has to print.
ways="test key vulnerability size"

caught_by() {
	case $1 in
	test) echo stage unit-tests "half a cent goes to the customer" ;;
	key) echo gate secrets "/app/shop/settings.json:1: error: " ;;
	vulnerability) echo gate vulnerabilities "update h11 to 0.16.0" ;;
	size) echo gate growth "shop/film.mp4 is new" ;;
	*) return 1 ;;
	esac
}

# Rounds half a cent up, for the shop.
break_test() { edit shop/orders.py 's|(full \* 5 + 99) // 100|full * 5 // 100|'; }

# A payment key in a file of settings.
break_key() { printf '{"payments": "%s%s"}\n' sk_live_ "$(random 24)" >shop/settings.json; }

# CVE-2025-43859, critical, fixed in 0.16.0.
break_vulnerability() { edit requirements.txt 's|^h11==0\.16\.0$|h11==0.14.0|'; }

# A film among the modules.
break_size() { head -c 45000000 /dev/zero >shop/film.mp4; }

source ../breaking.sh
