package fleet

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/detect"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/repository"
)

// Target is what the words of a command line mean: services of one fleet, or one
// directory that builds from its own Dockerfile.
type Target struct {
	Root  string   // the directory of slipway.yaml, else of the repository that detection surveys
	Names []string // services by name or glob
	Paths []string // services at or below these directories, relative to Root; without Names and Paths: all
	Named bool     // a directory was named

	// OwnDockerfile: Root has a Dockerfile and belongs to no fleet, so that it
	// builds as with docker build.
	OwnDockerfile bool

	survey *surveyOf // of Root, when Resolve already had to look
}

// Resolve decides what words of a command line mean, the same way for every
// command. A word is the name or glob of a service, or a directory: with its own
// slipway.yaml a fleet, else the services at and below it. A bare word that is both
// means the service. No word means the fleet here or above; without slipway.yaml,
// the services of this directory, as members of the workspace above it if there is
// one.
func (l Loader) Resolve(words []string) (Target, error) {
	var t Target
	for i, word := range words {
		one, err := l.resolve(word)
		if err != nil {
			return t, err
		}
		if i == 0 {
			t = one
			continue
		}
		if one.Root != t.Root || one.whole() || t.whole() {
			if t, ok := l.surveyed(words); ok {
				return t, nil
			}
			return t, diag.Fail(diag.ExitUsage, "%s and %s do not belong to one fleet", words[0], word).
				WithHint("run the command once for each")
		}
		t.Names, t.Paths, t.Named = append(t.Names, one.Names...), append(t.Paths, one.Paths...), t.Named || one.Named
	}
	if len(words) > 0 {
		return t, nil
	}
	if root, err := Find(l.Dir); err == nil {
		return Target{Root: root}, nil
	}
	return l.directory(l.Dir), nil
}

// surveyed takes words that name directories of this one as the services that
// detection finds there, as when no word is given. None of them has a slipway.yaml.
func (l Loader) surveyed(words []string) (Target, bool) {
	if _, err := Find(l.Dir); err == nil {
		return Target{}, false
	}
	t := Target{Root: Above(l.Dir), Named: true}
	for _, word := range words {
		dir := word
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(l.Dir, word)
		}
		rel, err := filepath.Rel(t.Root, dir)
		if err != nil || !filepath.IsLocal(rel) || rel == "." || !has(dir, ".") || has(dir, config.FileName) {
			return Target{}, false
		}
		t.Paths = append(t.Paths, filepath.ToSlash(rel))
	}
	return t, true
}

// whole reports a target that is a whole fleet or directory.
func (t Target) whole() bool { return t.OwnDockerfile || len(t.Names)+len(t.Paths) == 0 }

// resolve decides what one word means.
func (l Loader) resolve(word string) (Target, error) {
	dir := word
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(l.Dir, word)
	}
	info, err := os.Stat(dir)
	isDir := err == nil && info.IsDir()
	like := strings.HasPrefix(word, ".") || strings.HasPrefix(word, "/") || strings.HasSuffix(word, "/")
	if like && !isDir {
		return Target{}, diag.Fail(diag.ExitUsage, "directory not found: %s", word).WithHint("specify a directory or services; slipway plan lists them")
	}
	root, err := Find(l.Dir)
	if !isDir && err != nil {
		return Target{Root: Above(l.Dir), Names: []string{word}}, nil
	}
	if !isDir {
		return Target{Root: root, Names: []string{word}}, nil
	}
	if err != nil {
		root, err = Find(dir)
	}
	if err == nil {
		return l.inFleet(root, dir, word)
	}
	t := l.directory(dir)
	if whole, ok := l.surveyed([]string{word}); ok && !t.OwnDockerfile && versioned(l.Dir) && whole.look(l) {
		t = whole // what lies beside the directory belongs to it, such as a library by path
	}
	t.Named = true
	return t, nil
}

// versioned reports a directory at or below the root of a version control.
func versioned(dir string) bool {
	for range maxAbove {
		if has(dir, ".git") {
			return true
		}
		dir = filepath.Dir(dir)
	}
	return false
}

// look surveys the repository of a target and reports whether there is a service
// in its directories. Load does not survey again.
func (t *Target) look(l Loader) bool {
	s := l.surveyOf(t.Root, Overrides{named: t.Paths})
	t.survey = &s
	return slices.ContainsFunc(s.found, func(f detect.Found) bool {
		return slices.ContainsFunc(t.Paths, func(dir string) bool { return within(f.Service.Path, dir) })
	})
}

// inFleet decides what a directory means where there is a slipway.yaml.
func (l Loader) inFleet(root, dir, word string) (Target, error) {
	f, _, err := l.parse(root)
	if err != nil {
		return Target{}, err
	}
	if !strings.ContainsAny(word, "/.") && slices.ContainsFunc(f.Services, func(s config.Service) bool { return s.Name == word }) {
		return Target{Root: root, Names: []string{word}}, nil
	}
	if has(dir, config.FileName) {
		return Target{Root: dir, Named: true}, nil
	}
	rel, err := filepath.Rel(root, dir)
	if err == nil && slices.ContainsFunc(f.Services, func(s config.Service) bool { return within(s.Path, filepath.ToSlash(rel)) }) {
		return Target{Root: root, Paths: []string{filepath.ToSlash(rel)}, Named: true}, nil
	}
	t := l.directory(dir)
	t.Named = true
	return t, nil
}

// directory is the target of a directory that no slipway.yaml describes.
func (l Loader) directory(dir string) Target {
	if has(dir, config.FileName) {
		return Target{Root: dir}
	}
	if detect.OwnDockerfile(os.DirFS(dir)) != "" {
		return Target{Root: dir, OwnDockerfile: true}
	}
	root := Above(dir)
	if root == dir {
		return Target{Root: dir}
	}
	rel, _ := filepath.Rel(root, dir)
	return Target{Root: root, Paths: []string{filepath.ToSlash(rel)}}
}

// within reports a path that is a directory or lies below it.
func within(p, dir string) bool {
	return dir == "." || p == dir || strings.HasPrefix(p, dir+"/")
}

// Above returns the directory from which a directory has to be seen: that of the
// workspace, module or build that its services are members of, else itself. It
// looks up to the root of the version control, never further than maxAbove, and
// never into a directory that everybody may write to, such as /tmp.
func Above(dir string) string {
	root, rel := dir, "."
	for range maxAbove {
		up := filepath.Dir(root)
		info, err := os.Stat(up)
		if has(root, ".git") || up == root || err != nil || info.Mode().Perm()&0o002 != 0 {
			break
		}
		root, rel = up, path.Join(filepath.Base(root), rel)
	}
	top := detect.Enclosing(repository.FS(root), rel)
	if top == "" {
		return dir
	}
	return filepath.Join(root, filepath.FromSlash(top))
}

// maxAbove is how many directories up a workspace is looked for.
const maxAbove = 6

// has reports an ordinary file or directory.
func has(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}
