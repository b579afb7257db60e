package cli

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/detect"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// repository is a directory whose links do not lead out of it. Without the
// directory it is one in which nothing can be read.
func repository(dir string) fs.FS {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return unreadable{err}
	}
	return root.FS() // closed with the last use of it
}

// servicesIn finds the services of a directory, whose files are tree. One in the
// directory itself that no manifest names is called as the directory is.
func servicesIn(dir string, tree fs.FS) ([]detect.Found, diag.Findings) {
	found, findings := detect.Survey(tree, nil)
	name := config.NameOf(strings.ToLower(filepath.Base(dir)))
	taken := slices.ContainsFunc(found, func(f detect.Found) bool { return f.Service.Name == name })
	for i := range found {
		if s := &found[i].Service; s.Path == "." && s.Name == config.Unnamed && !taken {
			s.Name = name
		}
	}
	return found, findings
}

// unreadable is a file system that only has an error.
type unreadable struct{ err error }

// Open implements fs.FS.
func (u unreadable) Open(string) (fs.File, error) { return nil, u.err }

// readFile reads a file of the repository that a person wrote: an ordinary one,
// of a size that a person writes. A named pipe is not waited for.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no ordinary file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, ecosystem.MaxFile+1))
	if err == nil && len(data) > ecosystem.MaxFile {
		return nil, fmt.Errorf("%s has more than the %d bytes that Slipway reads", path, ecosystem.MaxFile)
	}
	return data, err
}
