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
advisories=testdata/advisories

# Each way has a function that breaks the copy in the current directory, a check that has
# to catch it, and words of the cause that this check has to print.
ways="test key vulnerability size"

caught_by() {
	case $1 in
	test) echo stage unit-tests "half_a_cent_goes_to_the_customer" ;;
	key) echo gate secrets "/app/settings.json:1: error: " ;;
	vulnerability) echo gate vulnerabilities "golang.org/x/crypto v0.30.0 has GHSA-v778-237x-gjrc" ;;
	size) echo gate growth "film.mp4 is new" ;;
	*) return 1 ;;
	esac
}

# Rounds half a cent up, for the shop.
break_test() { edit internal/orders/orders.go 's|(full\*5 + 99) / 100|full * 5 / 100|'; }

# A payment key in a file of settings.
break_key() {
	printf '{"payments": "%s%s"}\n' sk_live_ "$(random 24)" >settings.json
	add_file settings.json
}

# CVE-2024-45337 in a door for administrators, critical, fixed in 0.31.0.
break_vulnerability() {
	cat >admin.go <<'GO'
package main

import (
	"net"

	"golang.org/x/crypto/ssh"
)

// administer lets administrators in over SSH.
func administer(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		if _, _, _, err := ssh.NewServerConn(conn, &ssh.ServerConfig{}); err != nil {
			_ = conn.Close()
		}
	}
}
GO
	edit main.go 's|^	defer client.Close()$|&\
	go func() { slog.Error("no administration", "error", administer(os.Getenv("ADMIN_ADDRESS"))) }()|'
	edit go.mod 's|^	github.com/redis/go-redis/v9 .*|&\
	golang.org/x/crypto v0.30.0|'
	cat >>go.sum <<'SUMS'
golang.org/x/crypto v0.30.0 h1:RwoQn3GkWiMkzlX562cLB7OxWvjH1L8xutO2WoJcRoY=
golang.org/x/crypto v0.30.0/go.mod h1:kDsLvtWBEx7MV9tJOj9bnXsPbxwJQ6csT/x4KIN4Ssk=
golang.org/x/term v0.27.0 h1:WP60Sv1nlK1T6SupCHbXzSaN0b9wUmsPoRS9b61A23Q=
golang.org/x/term v0.27.0/go.mod h1:iMsnZpn0cago0GOrHO2+Y7u7JPn5AylBrcoWkElMTSM=
SUMS
}

# A film beside the program.
break_size() {
	head -c 10000000 /dev/zero >film.mp4
	add_file film.mp4
}

# add_file NAME adds a file to the image.
add_file() { edit Dockerfile "s|^COPY .*--from=builder .*/app/\$|&\\
COPY $1 /app/|"; }

source ../breaking.sh
