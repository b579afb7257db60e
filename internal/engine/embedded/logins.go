//go:build linux

package embedded

import (
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/executor"
)

// logins hands credentials of package registries to the steps that install from
// them, of a repository that the owner of this machine trusts.
type logins struct {
	list     []Login
	trusted  bool
	withheld func(tool string)
}

func newLogins(o Options) logins {
	return logins{list: o.Logins, trusted: o.Trusted, withheld: o.Withheld}
}

// into returns the variables and files of a step, which are those of all steps with
// the logins that it gets. Files of a login are for nobody but root, as the steps
// that install packages are.
func (l logins) into(step executor.Meta, env []string, files map[string]string) ([]string, map[string]string) {
	command := strings.Join(step.Args, " ")
	for _, login := range l.list {
		switch {
		case !login.Installs(command):
		case !l.trusted || !isRoot(step.User):
			l.withheld(login.Tool)
		default:
			env, files = slices.Concat(login.Env, env), maps.Clone(files)
			if files == nil {
				files = map[string]string{}
			}
			maps.Copy(files, login.Files)
		}
	}
	return env, files
}

// isRoot tells whether the user of a step is root, by the usual ways to write that.
func isRoot(user string) bool {
	name, _, _ := strings.Cut(user, ":")
	return name == "" || name == "0" || name == "root"
}
