package inventory

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/mod/modfile"
)

// Limits of a tree that is searched for lock files.
const (
	maxLock  = 64 << 20
	maxFound = 200_000 // entries of the tree
)

// lockReaders are the lock files that are read, by name.
func lockReaders() map[string]func([]byte) ([]Package, error) {
	return map[string]func([]byte) ([]Package, error){
		"package-lock.json": npmLock, "npm-shrinkwrap.json": npmLock, "go.mod": goMod, "Cargo.lock": cargoLock,
		"pnpm-lock.yaml": pnpmLock, "yarn.lock": yarnLock, "bun.lock": bunLock,
		"uv.lock": pythonLock, "poetry.lock": pythonLock, "pdm.lock": pythonLock, "pylock.toml": pythonLock, "Pipfile.lock": pipfileLock,
		"gradle.lockfile": gradleLock, "buildscript-gradle.lockfile": gradleLock, "verification-metadata.xml": gradleVerification,
	}
}

// Locked lists the packages that the lock files of a source tree pin, each with the
// file as its place, and what manifests without one pin. Directories of installed packages are
// not searched.
func Locked(tree fs.FS) (Inventory, error) {
	c := &collector{seen: map[string]bool{}, from: map[string]string{}}
	seen := 0
	err := fs.WalkDir(tree, ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if seen++; seen > maxFound {
			return fmt.Errorf("searching for lock files: more than %d files", maxFound)
		}
		if e.IsDir() && (NotOwn(tree, p) || e.Name() == "testdata") {
			return fs.SkipDir
		}
		if !e.Type().IsRegular() {
			return nil
		}
		read := lockReaders()[e.Name()]
		if isRequirements(p) {
			read = requirements
		}
		if read == nil {
			return c.manifest(tree, p)
		}
		data, err := readLock(tree, p)
		if err != nil {
			return err
		}
		list, err := read(data)
		if err != nil {
			return fmt.Errorf("reading %s: %w", p, err)
		}
		c.found(p, list)
		if isRequirements(p) && open(data) && !pinnedBy(tree, p, pythonLocks()) {
			c.unpinned = append(c.unpinned, p)
		}
		return nil
	})
	return c.inventory(), err
}

// found lists the packages that a file names.
func (c *collector) found(p string, list []Package) {
	for _, found := range list {
		if found.Name == "" || found.Version == "" {
			continue
		}
		found.Path = p
		if found.Sure == "" {
			found.Sure = ByManifest
		}
		c.add(found)
	}
}

func readLock(tree fs.FS, p string) ([]byte, error) {
	info, err := fs.Stat(tree, p)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxLock {
		return nil, fmt.Errorf("reading %s: larger than %d MB", p, maxLock>>20)
	}
	return fs.ReadFile(tree, p)
}

// Crates are those that the Cargo.lock of a directory, or the nearest above it, pins:
// no program of Rust lists them, unless cargo-auditable built it. Some may be for
// tests alone.
func Crates(tree fs.FS, dir string) []Package {
	for dir = path.Clean(dir); ; dir = path.Dir(dir) {
		if data, err := readLock(tree, path.Join(dir, "Cargo.lock")); err == nil {
			list, _ := cargoLock(data) // a broken one has no packages
			return list
		}
		if dir == "." || dir == "/" {
			return nil
		}
	}
}

type cargoLocked struct {
	Package []struct {
		Name     string `toml:"name"`
		Version  string `toml:"version"`
		Source   any    `toml:"source"`
		Checksum string `toml:"checksum"`
	} `toml:"package"`
}

func cargoLock(data []byte) (out []Package, err error) {
	var lock cargoLocked
	if err := toml.Unmarshal(data, &lock); err != nil {
		return nil, err
	}
	for _, p := range lock.Package {
		if p.Source != nil { // not of the workspace itself
			out = append(out, Package{Type: Cargo, Name: p.Name, Version: p.Version, SHA256: p.Checksum})
		}
	}
	return out, nil
}

func npmLock(data []byte) (out []Package, err error) {
	var lock struct {
		Packages map[string]struct {
			Name    string          `json:"name"`
			Version string          `json:"version"`
			License json.RawMessage `json:"license"`
			Link    bool            `json:"link"`
		} `json:"packages"`
		Dependencies map[string]struct {
			Version string `json:"version"`
		} `json:"dependencies"`
	}
	if err := json.Unmarshal(data, &lock); err != nil {
		return nil, err
	}
	for at, p := range lock.Packages {
		name := p.Name
		if i := strings.LastIndex(at, "node_modules/"); i >= 0 && name == "" {
			name = at[i+len("node_modules/"):]
		}
		if name == "" || p.Version == "" || p.Link || !strings.Contains(at, "node_modules/") {
			continue
		}
		out = append(out, Package{Type: NPM, Name: name, Version: p.Version, Licences: packageJSON{License: p.License}.licences()})
	}
	if lock.Packages == nil { // version 1
		for name, p := range lock.Dependencies {
			out = append(out, Package{Type: NPM, Name: name, Version: p.Version})
		}
	}
	return out, nil
}

func goMod(data []byte) (out []Package, err error) {
	mod, err := modfile.Parse("go.mod", data, nil)
	if err != nil { // of a newer Go; without replacements
		mod, err = modfile.ParseLax("go.mod", data, nil)
	}
	if err != nil {
		return nil, err
	}
	for _, r := range mod.Require {
		p := Package{Type: Go, Name: r.Mod.Path, Version: r.Mod.Version}
		for _, by := range mod.Replace {
			if by.Old.Path == r.Mod.Path && (by.Old.Version == "" || by.Old.Version == r.Mod.Version) {
				p.Name, p.Version = by.New.Path, by.New.Version
			}
		}
		if p.Version != "" { // not a directory
			out = append(out, p)
		}
	}
	if mod.Toolchain != nil && strings.HasPrefix(mod.Toolchain.Name, "go1") {
		out = append(out, Package{Type: Go, Name: Stdlib, Version: strings.TrimPrefix(mod.Toolchain.Name, "go"), Sure: ByName})
	}
	return out, nil
}
