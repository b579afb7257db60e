package baseimage

import (
	"testing"

	"github.com/slipway-build/slipway/internal/plan"
)

// TestPythonIdle keeps what no service runs out of runtime bases alone.
func TestPythonIdle(t *testing.T) {
	const lib = "usr/lib/python3.13/"
	for path, kept := range map[string]bool{
		lib + "asyncio/events.py": true, lib + "unittest/mock.py": true, lib + "venv/__init__.py": true, lib + "sqlite3/__init__.py": true,
		lib + "lib-dynload/_ssl.cpython-313-x86_64-linux-gnu.so": true, lib + "lib-dynload/_decimal.cpython-313-aarch64-linux-gnu.so": true,
		lib + "test/support/__init__.py": false, lib + "idlelib/run.py": false, lib + "pydoc_data/topics.py": false,
		lib + "lib-dynload/_testcapi.cpython-313-x86_64-linux-gnu.so": false, lib + "lib-dynload/readline.cpython-313-x86_64-linux-gnu.so": false,
		"usr/share/binfmts/python3.13": false, "usr/bin/python3.13": true,
	} {
		if got := keep(plan.RoleRuntime, path); got != kept {
			t.Errorf("%s: kept %v, want %v", path, got, kept)
		}
		if !keep(plan.RoleToolchain, path) {
			t.Errorf("%s is missing in toolchains", path)
		}
	}
}
