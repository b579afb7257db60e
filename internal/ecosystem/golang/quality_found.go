package golang

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// maxTestDirs is the most directories of a module that are looked at for tests.
const maxTestDirs = 5000

// testFiles are the directories of a module's tests, by what they are for; relative to
// the directory that go runs in.
type testFiles struct {
	packages               []string // directories with Go files
	unit, integration, e2e []string
	tags                   map[string][]string // build tags by stage, sorted
	foreign                map[string]string   // tags that no stage is known for → a file
	beside                 []string            // modules in place of others that have tests
	sample                 string              // one file, relative to the build context
	programs               int                 // of the module
	apart                  bool                // only their directories tell some of them from unit tests
}

// findTests looks for test files in the modules that are tested together.
func (s *service) findTests() testFiles {
	t := testFiles{tags: map[string][]string{}, foreign: map[string]string{}}
	if dir, err := fs.Sub(s.Dir, s.module.dir); err == nil {
		t.programs = len(programs(dir))
	}
	for _, module := range s.testedModules() {
		s.eachGoFile(module, func(at string) bool {
			if strings.HasSuffix(at, "_test.go") {
				s.noteTest(&t, at)
			} else if dir := relative(s.top(), path.Dir(at)); isSource(path.Base(at)) && !slices.Contains(t.packages, dir) {
				if data, err := ecosystem.Read(s.Dir, at); err == nil && built(data) && (s.cgo.Found() || !bytes.Contains(data, []byte(`import "C"`))) {
					t.packages = append(t.packages, dir)
				}
			}
			return true
		})
	}
	if s.workspace == nil {
		for _, m := range s.modules[1:] {
			if !s.uses(m.dir) {
				continue
			}
			s.eachGoFile(m.dir, func(at string) bool {
				if strings.HasSuffix(at, "_test.go") {
					t.beside = append(t.beside, m.dir)
					return false
				}
				return true
			})
		}
	}
	if t.programs > 1 {
		theirs := s.ofOthers()
		for _, list := range []*[]string{&t.packages, &t.unit} {
			*list = slices.DeleteFunc(*list, func(dir string) bool { return !s.inGraph(dir) && theirs(path.Join(s.top(), dir)) })
		}
	}
	for stage := range t.tags {
		t.tags[stage] = slices.Compact(slices.Sorted(slices.Values(t.tags[stage])))
	}
	for _, list := range []*[]string{&t.packages, &t.unit, &t.integration, &t.e2e} {
		*list = slices.Compact(slices.Sorted(slices.Values(*list)))
	}
	return t
}

// eachGoFile calls a function for the Go files of a module, until it returns false.
func (s *service) eachGoFile(module string, use func(at string) bool) {
	dirs := 0
	_ = fs.WalkDir(s.Dir, module, func(at string, e fs.DirEntry, err error) error {
		base := path.Base(at)
		switch {
		case err != nil || dirs > maxTestDirs:
			return fs.SkipAll
		case e.IsDir() && at != module && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "vendor" || base == "testdata" || base == "node_modules" || ecosystem.Exists(s.Dir, at+"/go.mod")):
			return fs.SkipDir
		case e.IsDir():
			dirs++
		case path.Ext(base) == ".go" && !use(at):
			return fs.SkipAll
		}
		return nil
	})
}

// ofOthers reports the packages of a module with several programs whose tests another
// service runs. The first service of the module has those of no program.
func (s *service) ofOthers() func(dir string) bool {
	services := s.sharing()
	if services[0] != s.mainDir {
		return func(string) bool { return true }
	}
	made := map[string]bool{}
	for _, main := range services[1:] {
		s.made(main, made)
	}
	return func(dir string) bool { return made[dir] }
}

// sharing are the main packages of the services of the module, as slipway.yaml has them,
// else as they are found; last those whose unit tests slipway.yaml writes. A service that
// is not among them shares with nobody.
func (s *service) sharing() []string {
	var out, written []string
	if s.fleet == nil {
		dir, err := fs.Sub(s.Dir, s.module.dir)
		if err != nil {
			return []string{s.mainDir}
		}
		for _, at := range (Ecosystem{}).Services(dir) {
			out = append(out, path.Join(s.module.dir, at))
		}
	} else {
		for _, other := range s.fleet.All() {
			main, unit := s.mainOf(other), other.Quality[plan.StageUnitTests]
			switch {
			case main == "":
			case unit.Off || len(unit.Run) > 0:
				written = append(written, main)
			default:
				out = append(out, main)
			}
		}
	}
	out = append(out, written...)
	if !slices.Contains(out, s.mainDir) {
		return []string{s.mainDir}
	}
	return out
}

// mainOf is the main package of a service of the fleet, "" for one that is not planned
// from this module.
func (s *service) mainOf(other config.Service) string {
	at := relative(s.Context, path.Clean(other.Path))
	module, _ := upwards(s.Dir, at, "go.mod")
	switch {
	case module != s.module.dir:
		return ""
	case other.Name == s.Want.Name:
		return s.mainDir
	case other.Ecosystem != "" && other.Ecosystem != "go", !other.Planned && ecosystem.Exists(s.Dir, path.Join(at, "Dockerfile")), mainFile(s.Dir, at) == "":
		return ""
	}
	return at
}

// made adds the directories of the module that a program of it is made of.
func (s *service) made(dir string, seen map[string]bool) {
	if seen[dir] {
		return
	}
	seen[dir] = true
	entries, _ := fs.ReadDir(s.Dir, dir)
	for _, e := range entries {
		data, err := ecosystem.Read(s.Dir, path.Join(dir, e.Name()))
		if e.IsDir() || !isSource(e.Name()) || err != nil || !built(data) {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), e.Name(), data, parser.ImportsOnly)
		if err != nil {
			continue
		}
		for _, i := range f.Imports {
			if below, ok := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), s.module.path+"/"); ok {
				s.made(path.Join(s.module.dir, below), seen)
			}
		}
	}
}

// noteTest sorts a test file by its build tags, else by the directory that it is in.
func (s *service) noteTest(t *testFiles, at string) {
	if t.sample == "" {
		t.sample = at
	}
	data, err := ecosystem.Read(s.Dir, at)
	if err != nil {
		return
	}
	dir := relative(s.top(), path.Dir(at))
	within := func(names ...string) bool {
		return slices.ContainsFunc(strings.Split(dir, "/"), func(part string) bool { return slices.Contains(names, part) })
	}
	switch stage, tags := stageOfTags(data); {
	case stage == "" && len(tags) > 0:
		for _, tag := range tags {
			t.foreign[tag] = ecosystem.Or(t.foreign[tag], at)
		}
		return
	case stage == plan.StageE2E:
		t.e2e, t.tags[stage] = append(t.e2e, dir), append(t.tags[stage], tags...)
		return
	case stage == plan.StageIntegration:
		t.integration, t.tags[stage] = append(t.integration, dir), append(t.tags[stage], tags...)
		return
	case !built(data):
		return // of a platform
	case within("e2e"):
		t.e2e, t.apart = append(t.e2e, dir), true
	case within("integration", "integration_tests", "integrationtest"):
		t.integration, t.apart = append(t.integration, dir), true
	default:
		t.unit = append(t.unit, dir)
	}
	t.packages = append(t.packages, dir)
}
