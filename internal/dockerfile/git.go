package dockerfile

import (
	"path"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"
)

// Git is a repository as a build context.
type Git struct {
	Remote     string // what git fetches from
	Ref        string // branch, tag or commit; empty: the default branch
	Commit     string // the commit that Ref must be; may be empty
	SubDir     string // the context below the root; may be empty
	Name       string // of the repository
	KeepGitDir bool
	Submodules bool
	LikeAPath  bool // the word may be a directory too: github.com/acme/web
}

// ParseGit reads a word as docker build does: git@host:path, ssh://, git://,
// https://….git and github.com/…, each with "#ref:subdir" or "?ref=…&subdir=…".
// file:// is read too. The second result is false for what names no repository;
// the error is about one whose settings are wrong.
func ParseGit(word string) (Git, bool, error) {
	if strings.HasPrefix(word, "file://") {
		return fileGit(word)
	}
	ref, is, err := dfgitutil.ParseGitRef(word)
	if ref == nil || err != nil {
		return Git{}, is, err
	}
	g := Git{Remote: ref.Remote, Ref: ref.Ref, Commit: ref.Checksum, SubDir: ref.SubDir, Name: ref.ShortName, Submodules: true, LikeAPath: ref.IndistinguishableFromLocal}
	if g.LikeAPath {
		g.Remote = "https://" + g.Remote
	}
	g.KeepGitDir = ref.KeepGitDir != nil && *ref.KeepGitDir
	g.Submodules = ref.Submodules == nil || *ref.Submodules
	return g, true, nil
}

// fileGit reads the address of a repository on this machine, which BuildKit does
// not know.
func fileGit(word string) (Git, bool, error) {
	remote, fragment, _ := strings.Cut(word, "#")
	g := Git{Remote: remote, Name: strings.TrimSuffix(path.Base(remote), ".git"), Submodules: true}
	g.Ref, g.SubDir, _ = strings.Cut(fragment, ":")
	return g, true, nil
}
