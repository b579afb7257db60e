// Package fleet finds the services that a command works on: slipway.yaml here or
// above, or what detection finds without one; with the flags applied, the chosen
// services planned, and each plan turned into a job for the pipeline. It reads
// the repository and builds nothing.
//
//	l := fleet.Loader{Dir: dir, Warn: show}
//	t, err := l.Resolve([]string{"web"})
//	f, err := l.Load(t, fleet.Overrides{Tag: "v1"})
package fleet

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/detect"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/generated"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plaintext"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/repository"
	"github.com/slipway-build/slipway/internal/trace"
)

// Overrides are what a command line says about a fleet; the zero value says nothing.
type Overrides struct {
	Skip      []string // services to leave out, names or globs
	Registry  string
	Tag       string
	Platforms []string

	Afresh    bool // plan as if Slipway had generated nothing
	KeepGoing bool // services that cannot be planned do not stop the others
	Quality   bool // plan the quality stages too

	named []string // directories of the command line, in which examples are services too
}

// tree is a directory as detection sees it.
func (o Overrides) tree(dir string) fs.FS {
	if o.Afresh {
		return generated.Without{FS: repository.FS(dir)}
	}
	return repository.FS(dir)
}

// planned are what plans have beyond what a build needs, and leave to it.
func (o Overrides) planned(keep *dockerfile.Parsed) []detect.Option {
	options := []detect.Option{detect.Keeping(keep)}
	if o.Quality {
		options = append(options, detect.WithQuality)
	}
	return options
}

// Loader loads fleets.
type Loader struct {
	Dir   string              // to which paths in messages are relative
	Skip  string              // SERVICES_TO_SKIP of the environment
	Warn  func(diag.Findings) // shows findings that are no errors
	Trace *trace.Recorder     // nil: none

	Machine config.Bases // what this machine has for bases beyond the files; no family
	Scope   Scope        // of cache mounts
}

// Fleet is a loaded slipway.yaml with the plans of its selected services.
type Fleet struct {
	*config.Fleet
	Root    string         // directory of slipway.yaml
	Named   []string       // the platforms that slipway.yaml or a flag names; those to build for are in Platforms
	Planned []plan.Service // the chosen ones, after Load
	Refused diag.Findings  // of services that cannot be planned, with KeepGoing

	written bool              // there is a slipway.yaml
	parsed  dockerfile.Parsed // of the planned ones, for their jobs
	scope   Scope             // of cache mounts
	images  map[string]string // names of images that the command line gives, by service
}

// ErrNone says that no slipway.yaml was found.
var ErrNone = errors.New("no slipway.yaml here or above")

// Find looks for slipway.yaml from the directory upwards.
func Find(dir string) (string, error) {
	for {
		if _, err := os.Stat(filepath.Join(dir, config.FileName)); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", ErrNone
		}
		dir = parent
	}
}

// Read reads the fleet at or above the directory, with the overrides applied.
// Problems are reported all at once.
func (l Loader) Read(dir string, o Overrides) (*Fleet, error) {
	return l.read(Target{Root: dir}, o)
}

func (l Loader) read(t Target, o Overrides) (*Fleet, error) {
	cfg, root, findings, err := l.at(t, o)
	if err != nil {
		return nil, err
	}
	l.on(cfg)
	if o.Registry != "" {
		cfg.Registry = o.Registry
	}
	if o.Tag != "" {
		cfg.Tag = o.Tag
	}
	if len(o.Platforms) > 0 {
		cfg.Platforms = o.Platforms
	}
	named := cfg.Platforms
	if len(named) == 0 {
		cfg.Platforms = []string{plan.Host()}
	}
	if err := CheckPlatforms(cfg.Platforms); err != nil {
		return nil, err
	}
	l.Warn(findings)
	return &Fleet{Fleet: cfg, Root: root, Named: named, written: has(root, config.FileName), scope: l.Scope}, nil
}

// at reads the slipway.yaml at or above the directory of a target. Without one,
// the fleet is what detection finds in the directory.
func (l Loader) at(t Target, o Overrides) (*config.Fleet, string, diag.Findings, error) {
	dir := t.Root
	root, err := Find(dir)
	if err != nil {
		if t.survey == nil || o.Afresh { // the survey saw files that are not to count
			s := l.surveyOf(dir, o)
			t.survey = &s
		}
		cfg, findings := t.survey.fleet(dir), t.survey.findings
		if cfg == nil {
			l.Warn(findings)
			return nil, "", nil, diag.Fail(diag.ExitUsage, "%s not found in %s or above, and no service recognised there", config.FileName, dir).
				WithHint("`slipway init DIR` writes one; `slipway build DIR` builds a directory with a Dockerfile")
		}
		return cfg, dir, findings, nil
	}
	cfg, findings, err := l.parse(root)
	return cfg, root, findings, err
}

// on completes a configuration with what this machine has.
func (l Loader) on(cfg *config.Fleet) *config.Fleet {
	cfg.Bases.Pythons = l.Machine.Pythons
	return cfg
}

// parse reads the slipway.yaml of a directory.
func (l Loader) parse(root string) (*config.Fleet, diag.Findings, error) {
	path := filepath.Join(root, config.FileName)
	data, err := repository.ReadFile(root, config.FileName)
	if err != nil {
		return nil, nil, diag.Fail(diag.ExitUsage, "reading %s", path).Because(err)
	}
	cfg, findings := config.Parse(repository.Relative(l.Dir, path), data)
	return cfg, findings, findings.Errors()
}

// Load reads the fleet and plans the selected services.
func (l Loader) Load(t Target, o Overrides) (_ *Fleet, err error) {
	span := l.Trace.Start("", "planning")
	defer func() { span.End(err) }()
	o.named = t.Paths
	f, err := l.read(t, o)
	if err != nil {
		return nil, err
	}
	chosen, err := l.choose(f, t, o)
	if err != nil {
		return nil, err
	}
	services, findings := detect.Plan(o.tree(f.Root), f.Only(chosen), o.planned(&f.parsed)...)
	if err := findings.Errors(); err != nil && (!o.KeepGoing || len(services) == 0) {
		return nil, err
	}
	l.Warn(findings)
	f.Planned, f.Refused = services, findings.Of(diag.Error)
	return f, f.nameImages(t, o)
}

// Choose reads the fleet and picks services by name, without a plan: their images
// exist, their sources need not.
func (l Loader) Choose(dir string, names []string, o Overrides) (*Fleet, []string, error) {
	f, err := l.Read(dir, o)
	if err != nil {
		return nil, nil, err
	}
	chosen, err := l.choose(f, Target{Names: names}, o)
	return f, chosen, err
}

// choose picks the services of a target.
func (l Loader) choose(f *Fleet, t Target, o Overrides) ([]string, error) {
	var all []string
	names := t.Names
	for _, s := range f.Services {
		all = append(all, s.Name)
		if slices.ContainsFunc(t.Paths, func(dir string) bool { return within(s.Path, dir) }) {
			names = append(names, s.Name)
		}
	}
	if len(names) == 0 && len(t.Paths) > 0 {
		return nil, nothingIn(f, t.Paths, o)
	}
	skip := append(pipeline.SplitList(l.Skip), o.Skip...)
	return pipeline.Selection{Names: names, Skip: skip}.Of(all)
}

// nothingIn says why there is no service in directories that were named: what a plan
// of each lacks.
func nothingIn(f *Fleet, dirs []string, o Overrides) error {
	asked := &config.Fleet{}
	for _, dir := range dirs {
		asked.Services = append(asked.Services, config.Service{Name: path.Base(dir), Path: dir})
	}
	if _, findings := detect.Plan(o.tree(f.Root), asked); findings.Errors() != nil {
		return findings.Errors()
	}
	return diag.Fail(diag.ExitUsage, "there is no service in %s", strings.Join(dirs, ", ")).WithHint("slipway init shows the services of the repository; add one to slipway.yaml")
}

// nameImages applies what the command line says about names of images. For one
// service it may be a whole name, as for docker build; for several it is a tag.
func (f *Fleet) nameImages(t Target, o Overrides) error {
	whole := strings.ContainsAny(o.Tag, "/:@") || o.Tag != "" && !f.written
	switch {
	case len(f.Planned)+len(f.Refused) == 0:
	case whole && len(f.Planned) > 1 && strings.ContainsAny(o.Tag, "/:@"):
		return diag.Fail(diag.ExitUsage, "-t %s names one image, but %d services are selected", o.Tag, len(f.Planned)).
			WithHint("select one service, or use a tag alone: -t v1")
	case whole && len(f.Planned) == 1:
		name := image.Complete(o.Registry, o.Tag, "")
		f.images = map[string]string{f.Planned[0].Name: string(name)}
		f.Tag = name.Tag()
	case (t.Named || t.OwnDockerfile) && !f.written && o.Tag == "" && len(f.Planned) == 1 && len(t.Paths) == 0:
		f.images = map[string]string{f.Planned[0].Name: string(image.Complete(o.Registry, "", filepath.Base(f.Root)))}
	}
	for _, s := range f.Planned {
		if err := image.CheckName(f.Image(s.Name)); err != nil {
			return err
		}
	}
	return nil
}

// Only returns the fleet's configuration with the chosen services alone.
func (f *Fleet) Only(names []string) *config.Fleet {
	keep := map[string]bool{}
	for _, n := range names {
		keep[n] = true
	}
	c := *f.Fleet
	c.Services = nil
	for _, s := range f.Services {
		if keep[s.Name] {
			c.Services = append(c.Services, s)
		}
	}
	return &c
}

// Image returns the name of a service's image: <registry>/<fleet>/<service>:<tag>,
// unless the command line names it.
func (f *Fleet) Image(service string) string {
	if name, ok := f.images[service]; ok {
		return name
	}
	name := f.Name + "/" + service + ":" + f.Tag
	if f.Registry != "" {
		name = f.Registry + "/" + name
	}
	return name
}

// AssembledBases names the bases of the planned services that Slipway assembles.
func (f *Fleet) AssembledBases() []string {
	seen := map[string]bool{}
	var refs []string
	for _, s := range f.Planned {
		for _, b := range s.Bases {
			if b.Assembled && !seen[b.Ref] {
				seen[b.Ref] = true
				refs = append(refs, b.Ref)
			}
		}
	}
	return refs
}

// TestBases names those that only tests need: of the planned quality stages, and of the
// servers beside services and stages. Load has to plan quality stages.
func (f *Fleet) TestBases() ([]string, error) {
	var refs []string
	var needs []companion.Need
	for _, s := range f.Planned {
		for _, b := range s.QualityBases {
			if b.Assembled {
				refs = append(refs, b.Ref)
			}
		}
	}
	for _, s := range f.Services {
		needs = append(needs, s.Needs...)
		for _, q := range s.Quality {
			needs = append(needs, q.Needs...)
		}
	}
	for _, n := range needs {
		if n.Kind == "" {
			continue
		}
		r, err := companion.RecipeOf(n)
		if err != nil {
			return nil, err
		}
		refs = append(refs, r.From...)
		if r.Base != "" {
			refs = append(refs, r.Base)
		}
	}
	slices.Sort(refs)
	images := f.AssembledBases()
	return slices.DeleteFunc(slices.Compact(refs), func(ref string) bool { return slices.Contains(images, ref) }), nil
}

// Dockerfile returns the text that a service is built from: its own, or the
// plan's.
func (f *Fleet) Dockerfile(s plan.Service) ([]byte, error) {
	if s.Dockerfile == "" {
		return dockerfile.Render(s), nil
	}
	own, err := repository.ReadFile(f.Root, s.Dockerfile)
	if err != nil {
		return nil, diag.Fail(diag.ExitUsage, "reading the Dockerfile of %s", s.Name).Because(err)
	}
	return plaintext.UTF8(own), nil // BuildKit reads no other encoding
}

// DockerfileOf is Dockerfile, with the quality stages of the plan where wanted.
func (f *Fleet) DockerfileOf(s plan.Service, quality bool) ([]byte, error) {
	if quality && s.Dockerfile == "" {
		return dockerfile.RenderAll(s), nil
	}
	return f.Dockerfile(s)
}

// CheckPlatforms refuses what no base exists for.
func CheckPlatforms(platforms []string) error {
	known := []string{"linux/amd64", "linux/arm64"}
	for _, p := range platforms {
		if p != known[0] && p != known[1] {
			near := diag.Nearest(p, known)
			if near == "" {
				near = known[0]
			}
			return diag.Fail(diag.ExitUsage, "unsupported platform %q", p).
				WithHint("did you mean %q? linux/amd64 and linux/arm64 are supported", near)
		}
	}
	return nil
}
