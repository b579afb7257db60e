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
advisories=test/advisories

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

source ../breaking.sh
