package fleet

import (
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/repository"
	"github.com/slipway-build/slipway/internal/testreport"
)

// maxSources bounds the files in which those that reports name are looked for.
const maxSources = 20_000

// Sources says where the paths in reports of a job's stages point, relative to a
// directory above its context: steps have the sources in a WORKDIR, and Go names files by
// their module.
func Sources(root string, job pipeline.Job) testreport.Roots {
	rel, err := filepath.Rel(root, job.Request.Context)
	if err != nil || !filepath.IsLocal(rel) {
		return testreport.Roots{}
	}
	rel = filepath.ToSlash(rel)
	out := testreport.Roots{Prefixes: map[string]string{}, Base: rel}
	if job.File != nil {
		for _, dir := range job.File.Workdirs() {
			out.Prefixes[dir] = rel
		}
	}
	tree := repository.FS(job.Request.Context)
	if module := moduleOf(tree); module != "" {
		out.Prefixes[module] = rel
	}
	_ = fs.WalkDir(tree, ".", func(at string, e fs.DirEntry, err error) error {
		name := path.Base(at)
		switch {
		case err != nil:
			return nil // the others may still be found
		case e.IsDir() && at != "." && (strings.HasPrefix(name, ".") || name == "node_modules"):
			return fs.SkipDir
		case len(out.Files) == maxSources:
			return fs.SkipAll
		case e.Type().IsRegular():
			out.Files = append(out.Files, path.Join(rel, at))
		}
		return nil
	})
	return out
}

// moduleOf is the name of a directory's Go module; empty: it is none.
func moduleOf(tree fs.FS) string {
	data, err := fs.ReadFile(tree, "go.mod")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "module" {
			return strings.Trim(words[1], `"`)
		}
	}
	return ""
}
