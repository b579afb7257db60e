package python

import (
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/plan"
)

// compile writes bytecode that holds the digest of its source in place of the
// time, and that is not checked again: equal sources give equal bytes.
const compile = "python3 -m compileall -q --invalidation-mode unchecked-hash "

// compileFile is where the build puts compileScript.
const compileFile = "/tmp/compile.py"

// keptBytecode is the cache mount of compileScript.
const keptBytecode = "/root/.cache/bytecode"

// compileScript compiles a directory as compile does, but takes the bytecode of a module
// from an earlier build: to compile packages takes as long as to install them. The name
// of what is kept is the digest of all that bytecode depends on, and it begins with its
// own digest, so that what a kill cut short is not used. Other builds use the directory
// at the same time. What is no Python of this version is left, for packages carry
// examples for others.
const compileScript = `import hashlib, importlib.util, os, pathlib, py_compile, sys, tempfile

top, kept = map(pathlib.Path, sys.argv[1:])
for source in filter(pathlib.Path.is_file, top.rglob("*.py")):
    target = pathlib.Path(importlib.util.cache_from_source(source))
    known = kept / hashlib.sha256(b"%s %s " % (sys.version.encode(), bytes(source)) + source.read_bytes()).hexdigest()
    try:
        os.utime(known)
        data = known.read_bytes()
    except FileNotFoundError:
        data = b""
    if data and data[:32] == hashlib.sha256(data[32:]).digest():
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(data[32:])
        continue
    try:
        py_compile.compile(str(source), str(target), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    except (py_compile.PyCompileError, FileExistsError) as problem:
        print(problem, file=sys.stderr)
        continue
    with tempfile.NamedTemporaryFile(dir=kept, delete=False) as part:
        part.write(hashlib.sha256(target.read_bytes()).digest() + target.read_bytes())
    os.replace(part.name, known)
`

// keepsBytecode tells whether the bytecode of a module depends on nothing but the module.
// Before Python 3.11, references in it depend on what was compiled before.
func (s *service) keepsBytecode() bool {
	minor, err := strconv.Atoi(strings.TrimPrefix(s.version, "3."))
	return err == nil && minor >= 11
}

// withoutSite runs Python without what packages make it import when it starts.
const withoutSite = "python3 -IS "

// forget deletes what no build has used for a month. Other builds may do so, too.
const forget = "{ find " + keptBytecode + " -type f -mtime +30 -exec rm -f {} + || true; }"

// compileVenv compiles the packages, in a step of its own: no code of a package runs
// while the kept bytecode is mounted, so that none can change it.
func (s *service) compileVenv() plan.Step {
	if !s.keepsBytecode() { // tolerates packages that carry examples for other versions
		return plan.Step{Op: plan.OpRun, Shell: "{ " + compile + venv + " || true; }", Comment: "Compile bytecode."}
	}
	return plan.Step{Op: plan.OpRun, Mounts: cache(keptBytecode), Shell: strings.Join([]string{"mkdir -p " + keptBytecode, withoutSite + compileFile + " " + venv + " " + keptBytecode, forget}, " && "),
		Comment: "Compile the modules that no earlier build has compiled; forget bytecode that no build used for a month."}
}
