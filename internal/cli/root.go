package cli

import (
	"context"
	"fmt"

	"github.com/slipway-build/slipway/internal/rootless"
)

// exited is how a command ended that another process did the work of.
type exited int

func (e exited) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// becomeRoot makes the rest of a command run with the rights that the engine
// needs. For root it does nothing. For an ordinary user it runs the command once
// more inside a user namespace and returns how that ended, as exited; inside, it
// does nothing. Call it before anything is opened or printed.
func (a *app) becomeRoot(ctx context.Context) error {
	if len(a.Args) == 0 {
		return nil
	}
	code, entered, err := rootless.Enter(ctx, rootless.Process{
		Args: a.Args, Env: a.Environ, StateDir: a.stateDir,
		Note: func(text string) { fmt.Fprintln(a.Stderr, "note: "+text) },
	})
	if err != nil || !entered {
		return err
	}
	return exited(code)
}
