package fleet

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/plaintext"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/repository"
)

// maxBelow is how many directories down Dockerfiles are looked for.
const maxBelow = 8

// WrittenBases names the assembled bases of the Dockerfiles in a directory and
// below it, sorted, and how many Dockerfiles there are. Directories of packages
// and hidden ones are not looked into.
func WrittenBases(dir string, args map[string]string, platforms []string) (refs []string, files int, err error) {
	tree := repository.FS(dir)
	var unknown diag.Findings
	err = fs.WalkDir(tree, ".", func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil && p == ".":
			return err
		case err != nil:
			return fs.SkipDir
		case e.IsDir():
			if p != "." && (strings.HasPrefix(e.Name(), ".") || slices.Contains([]string{"node_modules", "vendor", "target"}, e.Name()) || strings.Count(p, "/") >= maxBelow) {
				return fs.SkipDir
			}
			return nil
		case !e.Type().IsRegular() || !isDockerfile(e.Name()):
			return nil
		}
		text, err := fs.ReadFile(tree, p)
		if err != nil {
			return err
		}
		file, err := dockerfile.Read(p, plaintext.UTF8(text))
		if err != nil {
			return nil // it is none: a template, or a file with such a name
		}
		files++
		bases, err := OwnBases(file.On(args, plan.Host(), platforms))
		if found, ok := err.(diag.Findings); ok {
			unknown = append(unknown, found...)
		}
		for _, b := range bases {
			if !slices.Contains(refs, b.Ref) {
				refs = append(refs, b.Ref)
			}
		}
		return nil
	})
	if err == nil {
		err = unknown.Errors()
	}
	slices.Sort(refs)
	return refs, files, err
}

// isDockerfile reports the usual names of Dockerfiles.
func isDockerfile(name string) bool {
	if path.Ext(name) == ".dockerignore" {
		return false
	}
	name = strings.ToLower(name)
	for _, usual := range []string{"dockerfile", "containerfile"} {
		if name == usual || strings.HasPrefix(name, usual+".") || strings.HasSuffix(name, "."+usual) {
			return true
		}
	}
	return false
}
