package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-build/slipway/bench/peer"
)

// debianMirror returns the address of the mirror that this machine's apt uses
// for Debian itself, and the keyring that signs the suite.
func debianMirror(ctx context.Context, suite string) (mirror, keyring string, err error) {
	out, err := peer.Execute(ctx, peer.Command{Argv: []string{"apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)", "Created-By: Packages"}})
	if err != nil {
		return "", "", err
	}
	if mirror, err = mainMirror(string(out.Stdout)); err != nil {
		return "", "", err
	}
	for _, name := range []string{"debian-archive-keyring.gpg", "debian-archive-" + suite + "-stable.gpg"} {
		keyring = filepath.Join("/usr/share/keyrings", name)
		if _, err := os.Stat(keyring); err == nil {
			return mirror, keyring, nil
		}
	}
	return "", "", errors.New("there is no keyring of the Debian archive; apt-get install debian-archive-keyring")
}

// mainMirror picks the site of a whole suite's main component from lines of
// "site release component"; the sites of security, updates and backports do not
// have it.
func mainMirror(lines string) (string, error) {
	for line := range strings.Lines(lines) {
		f := strings.Fields(line)
		if len(f) == 3 && f[2] == "main" && !strings.ContainsAny(f[1], "-/") {
			return f[0], nil
		}
	}
	return "", fmt.Errorf("apt has no Debian mirror with component main configured; see /etc/apt/sources.list.d")
}
