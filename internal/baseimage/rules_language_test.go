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

// TestWhatAPackageIsForStays though others have such files beside their programs.
func TestWhatAPackageIsForStays(t *testing.T) {
	for file, want := range map[[2]string]bool{
		{"cowsay", "usr/games/cowsay"}: true, {"wamerican", "usr/share/dict/words"}: true, {"googletest", "usr/src/googletest/CMakeLists.txt"}: true,
		{"vim-runtime", "usr/share/vim/vim91/defaults.vim"}: true, {"gdb", "usr/share/gdb/python/gdb/__init__.py"}: true, {"valgrind", "usr/lib/valgrind/memcheck"}: true,
		{"libpython3.13-dev", "usr/src/python3.13/Parser/Python.asdl"}: false, {"libstdc++6", "usr/share/gdb/auto-load/x.py"}: false,
		{"cmake-data", "usr/share/vim/addons/x"}: false, {"cowsay", "usr/share/man/man6/cowsay.6"}: false, {"base-files", "usr/games"}: false,
	} {
		if got := keep(plan.RoleRuntime, file[1]) || purpose(file[0], file[1]); got != want {
			t.Errorf("%q: kept %v", file, got)
		}
	}
}
