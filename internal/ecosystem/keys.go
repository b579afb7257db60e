package ecosystem

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
)

// isKey reports a file that, by its name, is a private key or holds some. Other
// secrets are files of variables, which no program is built from.
func isKey(name string) bool {
	return IsSecret(name) && !strings.HasPrefix(path.Base(name), ".")
}

// CompileKey notes a file that a program is built with. If it is a private key,
// the build context holds it although such files stay out of it otherwise: the
// build or the program would fail without it.
func (s *Service) CompileKey(at string, by Hit) {
	own := strings.TrimPrefix(path.Join(s.Context, at), s.Want.Path+"/")
	if !isKey(at) || !Exists(s.Dir, at) || IsDir(s.Dir, at) || s.Excluded(own) || slices.Contains(s.compiledKeys, at) {
		return
	}
	s.compiledKeys = append(s.compiledKeys, at)
	s.Report(diag.Warning, CodeKey, by.File, by.Line, "read it from a file that is mounted at run time, and write exclude: ["+own+"] for it in slipway.yaml",
		"the program is built with the private key %s, so the image holds it", at)
}

// unhideKeys appends the exceptions to supplied patterns that compiled keys need.
func (s *Service) unhideKeys(patterns []string) []string {
	for _, at := range s.compiledKeys {
		patterns = append(patterns, "!"+at)
	}
	return patterns
}

// Keys are the private keys below a directory whose names are yet to be found.
type Keys []string

// KeysBelow are the private keys below a directory.
func KeysBelow(dir fs.FS, at string) (out Keys) {
	seen := 0
	_ = fs.WalkDir(dir, at, func(p string, e fs.DirEntry, err error) error {
		if seen++; err != nil || seen > maxIgnored {
			return fs.SkipAll
		}
		if !e.IsDir() && isKey(p) {
			out = append(out, p)
		}
		return nil
	})
	return out
}

// Look notes the keys that a file names as compiled.
func (k Keys) Look(s *Service, name string, data []byte) {
	for _, at := range k {
		if i := bytes.Index(data, []byte(path.Base(at))); i >= 0 {
			s.CompileKey(at, Hit{File: name, Line: LineAt(data, int64(i))})
		}
	}
}
