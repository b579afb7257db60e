package state

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/release"
)

// Releases are the releases of a fleet on this machine. A release is a file, which never
// changes.
type Releases struct {
	fleet string
	dir   string
}

// Releases are those of a fleet, by its name.
func (d Dir) Releases(fleet string) Releases {
	return Releases{fleet, filepath.Join(d.Path, "releases", "by-"+url.PathEscape(fleet))}
}

func (r Releases) path(version string) string { return filepath.Join(r.dir, version+".json") }

// Keep writes a release. One that is there already with the same content stays, and made
// is false; one with another content is an error.
func (r Releases) Keep(n release.Release) (made bool, err error) {
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return false, fmt.Errorf("keeping the release %s: %w", n.Version, err)
	}
	f, err := os.CreateTemp(r.dir, ".new-*")
	if err != nil {
		return false, fmt.Errorf("keeping the release %s: %w", n.Version, err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // it has its name by then, or is not wanted
	_, err = f.Write(n.Encode())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return false, fmt.Errorf("keeping the release %s: %w", n.Version, err)
	}
	err = os.Link(f.Name(), r.path(n.Version)) // unlike a rename, it replaces nothing
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return false, fmt.Errorf("keeping the release %s: %w", n.Version, err)
	}
	has, err := r.Get(n.Version)
	if err != nil {
		return false, err
	}
	if has.Same(n) {
		return false, nil
	}
	var what []string
	for _, c := range release.Compare(has, n) {
		what = append(what, c.String())
	}
	return false, diag.Fail(diag.ExitUsage, "there is a release %s of %s already, with other content: %s", n.Version, n.Fleet, cmp.Or(strings.Join(what, "; "), "of another commit")).
		WithHint("a release never changes: choose another version, or look at it: slipway release show %s", n.Version)
}

// Has reports whether there is a release of a version, also one that cannot be read.
func (r Releases) Has(version string) bool {
	_, err := os.Lstat(r.path(version))
	return err == nil
}

// Get reads a release.
func (r Releases) Get(version string) (release.Release, error) {
	if err := release.CheckVersion(version); err != nil {
		return release.Release{}, err
	}
	data, err := os.ReadFile(r.path(version))
	if errors.Is(err, fs.ErrNotExist) {
		f := diag.Fail(diag.ExitUsage, "there is no release %s of %s", version, r.fleet)
		all, _ := r.List()
		if near := diag.Nearest(version, versions(all)); near != "" {
			return release.Release{}, f.WithHint("did you mean %s?", near)
		}
		return release.Release{}, f.WithHint("slipway releases lists them; slipway release %s makes it", version)
	}
	if err != nil {
		return release.Release{}, fmt.Errorf("reading the release %s: %w", version, err)
	}
	n, err := release.Decode(data)
	if err != nil {
		return n, diag.Fail(diag.ExitUnexpected, "the release %s cannot be read: %s", version, r.path(version)).Because(err).
			WithHint("a newer slipway may have made it; else delete the file and make the release again")
	}
	return n, nil
}

func versions(all []release.Release) (out []string) {
	for _, r := range all {
		out = append(out, r.Version)
	}
	return out
}

// List returns the releases, the newest first. Those that cannot be read come with an
// error; the others are returned all the same.
func (r Releases) List() ([]release.Release, error) {
	entries, err := os.ReadDir(r.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []release.Release
	for _, e := range entries {
		version, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok || strings.HasPrefix(version, ".") {
			continue
		}
		n, broken := r.Get(version)
		if broken != nil {
			err = errors.Join(err, broken)
			continue
		}
		out = append(out, n)
	}
	slices.SortStableFunc(out, func(a, b release.Release) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(b.Version, a.Version))
	})
	return out, err
}
