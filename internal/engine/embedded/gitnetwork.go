//go:build linux

package embedded

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/engine/embedded/outbound"
)

// gitNetwork makes git, with which BuildKit fetches the repositories that Dockerfiles
// add, a program in a network of steps: whatever a server redirects to, a submodule
// names or a name resolves to, the machine itself is not reached. BuildKit finds git by
// $PATH and gives it no other environment (util/gitutil/git_cli.go, as of 0.33), so a
// script with its name comes first there while the engine is open.
type gitNetwork struct {
	steps      *outside
	start      []string // this program with the command that becomes git
	dir        string   // of the script
	stateDir   string   // of the command
	resolvConf string

	mu      sync.Mutex
	network *outbound.Network
	path    string // before
}

// prepare makes the script, once. Steps that share the machine's network do so with git.
func (g *gitNetwork) prepare(ctx context.Context) error {
	if g == nil || len(g.start) == 0 || !g.steps.works(ctx) {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.network != nil {
		return nil
	}
	git, err := exec.LookPath("git")
	if err != nil {
		return nil //nolint:nilerr // BuildKit's to say
	}
	network, err := g.steps.Take(ctx)
	if err != nil {
		return fmt.Errorf("making a network for git: %w", err)
	}
	words := append(append([]string(nil), g.start...), network.Path(), g.resolvConf, git)
	for i, w := range words {
		words[i] = quoted(w)
	}
	script := "#!/bin/sh\nexport SLIPWAY_STATE_DIR=" + quoted(g.stateDir) + "\nexec " + strings.Join(words, " ") + " \"$@\"\n"
	err = os.MkdirAll(g.dir, 0o700)
	if err == nil {
		err = atomicfile.Write(filepath.Join(g.dir, "git"), []byte(script), atomicfile.Options{Mode: 0o700})
	}
	if err != nil {
		network.Close()
		return fmt.Errorf("preparing git: %w", err)
	}
	g.network, g.path = network, os.Getenv("PATH")
	return os.Setenv("PATH", g.dir+string(os.PathListSeparator)+g.path)
}

// close ends what prepare began.
func (g *gitNetwork) close() error {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.network == nil {
		return nil
	}
	g.network.Close()
	g.network = nil
	return os.Setenv("PATH", g.path)
}

// quoted is a word for a shell.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
