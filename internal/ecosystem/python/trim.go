package python

import (
	"fmt"
	"slices"
	"strings"
)

// trim deletes type stubs, headers, and the large test suites that some packages carry.
func (s *service) trim() string {
	out := "find " + venv + " -type f -name '*.pyi' -delete"
	if s.debugged() {
		out += " && python3 " + cutFile + " " + venv
	}
	if s.hasHeaders() {
		out += " && rm -rf " + venv + "/lib/python3*/site-packages/tensorflow/include " + venv + "/lib/python3*/site-packages/torch/include"
	}
	var suites []string
	for _, name := range []string{"numpy", "pandas", "scikit-learn", "scipy"} {
		if s.has(name) || name == "numpy" && (s.has("pandas") || s.has("scikit-learn") || s.has("scipy") || s.has("streamlit")) ||
			name == "pandas" && s.has("streamlit") || name == "scipy" && s.has("scikit-learn") {
			if name == "scikit-learn" {
				name = "sklearn"
			}
			suites = append(suites, fmt.Sprintf("-path '*/site-packages/%s/*'", name))
		}
	}
	if len(suites) == 0 {
		return out
	}
	return out + " && find " + venv + " -type d -name tests \\( " + strings.Join(suites, " -o ") + " \\) -prune -exec rm -rf {} +"
}

// hasHeaders reports packages with headers that only a compiler reads, of which the
// image has none: 269 MB of tensorflow-cpu 2.21.0, 65 MB of torch 2.15.0.
func (s *service) hasHeaders() bool {
	if len(s.locals)+len(s.Want.Packages.Runtime) > 0 {
		return false
	}
	return slices.ContainsFunc(append(bringers(), "tensorflow", "tensorflow-cpu"), func(name string) bool {
		_, locked := s.lockReleases[name]
		return locked || s.has(name)
	})
}

// cutFile is where the build puts cutScript.
const cutFile = "/tmp/cut.py"

// cutScript cuts what only debuggers read from the libraries of a directory. It
// lies behind all that is loaded, and nothing is moved: a loader reads segments,
// not the table of sections, whose place and size become zero.
const cutScript = `import pathlib
import struct
import sys

for file in filter(pathlib.Path.is_file, pathlib.Path(sys.argv[1]).rglob("*.so")):
    data = file.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01" or b".debug_info\0" not in data:
        continue
    (first,), (size, count) = struct.unpack_from("<Q", data, 32), struct.unpack_from("<HH", data, 54)
    segments = (struct.unpack_from("<8xQ16xQ", data, first + i * size) for i in range(count))
    end = max(start + length for start, length in segments)
    file.write_bytes(data[:40] + bytes(8) + data[48:58] + bytes(6) + data[64:end])
`

// debugged tells whether one of the packages has wheels with debugging
// information. uvloop is 14 MB with it and 2 MB without, SQLAlchemy 18 and 10;
// looked through on 2026-11-22.
func (s *service) debugged() bool {
	for _, name := range []string{"uvloop", "httptools", "sqlalchemy", "pyyaml"} {
		if _, ok := s.deps[name]; ok || s.pinned[name] {
			return true
		}
	}
	for _, name := range []string{"fastapi", "uvicorn"} { // those that bring uvloop
		if d := s.deps[name]; slices.ContainsFunc(d.extras, func(e string) bool { return e == "standard" || e == "all" }) {
			return true
		}
	}
	for _, name := range []string{"alembic", "flask-sqlalchemy", "sqlmodel"} { // those that bring SQLAlchemy
		if s.has(name) {
			return true
		}
	}
	return false
}
