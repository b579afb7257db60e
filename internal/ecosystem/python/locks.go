package python

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// lockedPackage is an entry of uv.lock, poetry.lock or pdm.lock, as far as the
// three agree and as far as it matters here.
type lockedPackage struct {
	Name     string       `toml:"name"`
	Version  string       `toml:"version"`
	Category string       `toml:"category"` // Poetry 1
	Optional bool         `toml:"optional"`
	Groups   []string     `toml:"groups"`
	Files    []lockedFile `toml:"files"`
	Wheels   []lockedFile `toml:"wheels"`
	Sdist    lockedFile   `toml:"sdist"`
	Source   struct {
		Type string `toml:"type"` // of Poetry
		URL  string `toml:"url"`
		Git  string `toml:"git"` // of uv
	} `toml:"source"`
	Git  string `toml:"git"` // of PDM
	Path string `toml:"path"`
}

type lockedFile struct {
	File     string `toml:"file"`
	Filename string `toml:"filename"`
	URL      string `toml:"url"`
	Path     string `toml:"path"`
	Size     int64  `toml:"size"` // of uv
}

func (f lockedFile) name() string {
	address, _, _ := strings.Cut(ecosystem.Or(ecosystem.Or(f.File, f.Filename), ecosystem.Or(f.URL, f.Path)), "#")
	return strings.ReplaceAll(path.Base(address), "%2B", "+")
}

// production reports a package that a service needs to run.
func (p lockedPackage) production() bool {
	return !p.Optional && p.Category != "dev" &&
		(len(p.Groups) == 0 || slices.Contains(p.Groups, "main") || slices.Contains(p.Groups, "default"))
}

// release is what the entry pins.
func (p lockedPackage) release(file string, line int) release {
	r := release{name: normalised(p.Name), version: p.Version, file: file, line: line}
	for _, f := range slices.Concat(p.Files, p.Wheels, []lockedFile{p.Sdist}) {
		if f != (lockedFile{}) {
			r.files = append(r.files, f.name())
			if strings.HasSuffix(f.name(), "x86_64.whl") || strings.HasSuffix(f.name(), "any.whl") {
				r.sizeBytes = max(r.sizeBytes, f.Size)
			}
		}
	}
	return r
}

// git is the address of a package that git fetches, "" for another one.
func (p lockedPackage) git() string {
	if p.Source.Type == "git" {
		return p.Source.URL
	}
	return ecosystem.Or(p.Git, p.Source.Git)
}

// directory is where a package of the repository is, relative to the lock file, in
// the terms of Poetry and PDM.
func (p lockedPackage) directory() string {
	if p.Source.Type == "directory" || p.Source.Type == "file" {
		return p.Source.URL
	}
	return p.Path
}

// readLock reads a lock file in TOML and notes what it pins for production. Of uv's
// lock it is what the project needs.
func (s *service) readLock(lock, relock string, data []byte) ([]lockedPackage, bool) {
	var all struct {
		Package  []lockedPackage `toml:"package"`
		Metadata struct {
			Files map[string][]lockedFile `toml:"files"` // Poetry 1.0 to 1.2
		} `toml:"metadata"`
	}
	if err := toml.Unmarshal(data, &all); err != nil {
		s.Report(diag.Error, codeManifest, s.fromTop(lock), errorLine(err), s.inDir(relock), "%s is not valid: %v", lock, err)
		return nil, false
	}
	s.pinned, s.lockReleases = map[string]bool{}, map[string][]release{}
	var needed map[string]bool
	if lock == "uv.lock" {
		if err := toml.Unmarshal(data, &s.uvLock); err != nil {
			s.Report(diag.Error, codeManifest, s.fromTop(lock), errorLine(err), s.inDir(relock), "%s is not valid: %v", lock, err)
			return nil, false
		}
		needed = s.uvLock.neededOf(s.project.name())
	}
	lines := packageLines(data)
	for i, p := range all.Package {
		name := normalised(p.Name)
		s.pinned[name] = true
		if len(p.Files) == 0 {
			all.Package[i].Files = all.Metadata.Files[p.Name]
		}
		if !p.production() || needed != nil && !needed[name] {
			continue
		}
		if address := p.git(); address != "" {
			if !s.needGit(p.Name, address, s.fromTop(lock), lines[p.Name]) {
				return nil, false
			}
			continue
		}
		if p.directory() == "" {
			s.lockReleases[name] = append(s.lockReleases[name], all.Package[i].release(s.fromTop(lock), lines[p.Name]))
		}
	}
	return all.Package, true
}

// packageLines are the lines of a lock file in TOML that name its packages.
func packageLines(data []byte) map[string]int {
	out := map[string]int{}
	n := 0
	for line := range bytes.Lines(data) {
		n++
		if rest, ok := bytes.CutPrefix(line, []byte(`name = "`)); ok {
			name, _, _ := bytes.Cut(rest, []byte(`"`))
			if _, known := out[string(name)]; !known {
				out[string(name)] = n
			}
		}
	}
	return out
}

// neededOf are the names of the packages that a project of the lock file needs; nil
// for a project that it lacks.
func (l uvLock) neededOf(project string) map[string]bool {
	if _, ok := l.find(project); !ok {
		return nil
	}
	byName := map[string][]uvPackage{}
	for _, p := range l.Package {
		byName[normalised(p.Name)] = append(byName[normalised(p.Name)], p)
	}
	seen, out := map[string]bool{}, map[string]bool{}
	var visit func(name, extra string)
	visit = func(name, extra string) {
		if key := name + "[" + extra; !seen[key] {
			seen[key], out[name] = true, true
			for _, p := range byName[name] {
				wanted := p.Dependencies
				if extra != "" {
					wanted = p.Optional[extra]
				}
				for _, d := range wanted {
					visit(normalised(d.Name), "")
					for _, e := range d.Extra {
						visit(normalised(d.Name), e)
					}
				}
			}
		}
	}
	visit(normalised(project), "")
	return out
}

// pipfileLock is the part of Pipfile.lock that matters here.
type pipfileLock struct {
	Default map[string]struct {
		Version string `json:"version"`
		Git     string `json:"git"`
		Path    string `json:"path"`
		File    string `json:"file"`
	} `json:"default"`
}

// readPipfileLock notes what Pipfile.lock pins. It lists digests, and no names of
// files.
func (s *service) readPipfileLock(data []byte) (pipfileLock, error) {
	var lock pipfileLock
	if err := json.Unmarshal(data, &lock); err != nil {
		return lock, err
	}
	s.lockReleases = map[string][]release{}
	for name, p := range lock.Default {
		if v, ok := strings.CutPrefix(p.Version, "=="); ok {
			name = normalised(name)
			s.lockReleases[name] = []release{{name: name, version: v, file: "Pipfile.lock", line: lineOf(data, `"`+name+`"`)}}
		}
	}
	return lock, nil
}

// outOfDate reports a lock file that its manifest does not match: the build then
// installs from the manifest.
func (s *service) outOfDate(lock, relock, file string, line int, difference string) {
	s.stale = true
	s.Unwise(codeStale, file, line, s.inDir(relock)+", and commit "+lock, "%s is out of date: %s; the build resolves versions anew, so it is not reproducible", lock, difference)
}

// missingIn describes dependencies that a lock file lacks, "" without any.
func missingIn(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("%s is missing%s", names[0], more(len(names)-1))
}

// withoutLock reports a manager that has no lock file.
func (s *service) withoutLock(name, file, command, lock string) {
	s.stale = true
	s.Fact("package manager", name, "manifest", file, 0)
	s.Unwise(codeNoLock, file, 0, s.inDir(command)+", and commit "+lock, "%s is missing: the build installs from %s, so it is not reproducible", lock, file)
}
