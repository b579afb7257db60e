package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/detect"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plan"
)

// fleetFlags are the flags that every fleet command shares.
type fleetFlags struct {
	skip      []string
	registry  string
	tag       string
	platforms []string

	afresh bool // plan as if Slipway had generated nothing; no flag
}

// tree is a directory as detection sees it.
func (f fleetFlags) tree(dir string) fs.FS {
	if f.afresh {
		return afresh{repository(dir)}
	}
	return repository(dir)
}

func (f *fleetFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringSliceVar(&f.skip, "skip", nil, "services to leave out, names or globs (also SERVICES_TO_SKIP)")
	fl.StringVar(&f.registry, "registry", "", "registry of the images, such as localhost:5000")
	fl.StringVarP(&f.tag, "tag", "t", "", "tag of the images; for a directory, the name of the image")
	fl.StringSliceVar(&f.platforms, "platform", nil, "platforms, such as linux/amd64,linux/arm64")
}

// fleet is a loaded slipway.yaml with the plans of its selected services.
type fleet struct {
	*config.Fleet
	root     string   // directory of slipway.yaml
	named    []string // the platforms that slipway.yaml or a flag names; those to build for are in Platforms
	services []plan.Service
}

// errNoFleet says that no slipway.yaml was found.
var errNoFleet = errors.New("no slipway.yaml here or above")

// findFleet looks for slipway.yaml from the directory upwards.
func findFleet(dir string) (string, error) {
	for {
		if _, err := os.Stat(filepath.Join(dir, config.FileName)); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errNoFleet
		}
		dir = parent
	}
}

// readFleet reads the fleet at or above the directory, with the flags applied.
// Problems are reported all at once; warnings go to stderr.
func (a *app) readFleet(dir string, f fleetFlags) (*fleet, error) {
	cfg, root, findings, err := a.fleetAt(dir, f)
	if err != nil {
		return nil, err
	}
	if f.registry != "" {
		cfg.Registry = f.registry
	}
	if f.tag != "" {
		cfg.Tag = f.tag
	}
	if len(f.platforms) > 0 {
		cfg.Platforms = f.platforms
	}
	named := cfg.Platforms
	if len(named) == 0 {
		cfg.Platforms = []string{"linux/" + runtime.GOARCH}
	}
	if err := checkPlatforms(cfg.Platforms); err != nil {
		return nil, err
	}
	a.warn(findings)
	return &fleet{Fleet: cfg, root: root, named: named}, nil
}

// fleetAt reads the slipway.yaml at or above the directory. Without one, the
// fleet is what detection finds in the directory.
func (a *app) fleetAt(dir string, f fleetFlags) (*config.Fleet, string, diag.Findings, error) {
	root, err := findFleet(dir)
	if err != nil {
		cfg, findings := detectedFleet(dir, f)
		if cfg == nil {
			a.warn(findings)
			return nil, "", nil, diag.Fail(diag.ExitUsage, "there is no %s in %s or above, and no service is recognised there", config.FileName, dir).
				WithHint("slipway init DIR writes one for a directory with services; slipway build DIR builds a directory with a Dockerfile")
		}
		return cfg, dir, findings, nil
	}
	path := filepath.Join(root, config.FileName)
	data, err := readFile(path)
	if err != nil {
		return nil, "", nil, diag.Fail(diag.ExitUsage, "reading %s", path).Because(err)
	}
	cfg, findings := config.Parse(relativeTo(a.Dir, path), data)
	if err := findings.Errors(); err != nil {
		return nil, "", nil, err
	}
	return cfg, root, findings, nil
}

// detectedFleet is the fleet of a directory without slipway.yaml: the services
// that detection finds, with all about them left to be detected. It is nil when
// there are none.
func detectedFleet(dir string, f fleetFlags) (*config.Fleet, diag.Findings) {
	found, findings := servicesIn(dir, f.tree(dir))
	if len(found) == 0 {
		return nil, findings
	}
	cfg := config.Default(config.NameOf(filepath.Base(dir)))
	for _, s := range found {
		cfg.Services = append(cfg.Services, config.Service{Name: s.Service.Name, Path: s.Service.Path})
	}
	return cfg, findings
}

// loadFleet reads the fleet and plans the selected services.
func (a *app) loadFleet(dir string, names []string, f fleetFlags) (_ *fleet, err error) {
	span := a.trace.Start("", "planning")
	defer func() { span.End(err) }()
	fl, err := a.readFleet(dir, f)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, s := range fl.Fleet.Services {
		all = append(all, s.Name)
	}
	skip := append(pipeline.SplitList(a.Getenv("SERVICES_TO_SKIP")), f.skip...)
	chosen, err := pipeline.Selection{Names: names, Skip: skip}.Of(all)
	if err != nil {
		return nil, err
	}
	services, findings := detect.Plan(f.tree(fl.root), fl.only(chosen))
	if err := findings.Errors(); err != nil {
		return nil, err
	}
	a.warn(findings)
	fl.services = services
	return fl, nil
}

// only returns the fleet's configuration with the chosen services alone.
func (f *fleet) only(names []string) *config.Fleet {
	keep := map[string]bool{}
	for _, n := range names {
		keep[n] = true
	}
	c := *f.Fleet
	c.Services = nil
	for _, s := range f.Fleet.Services {
		if keep[s.Name] {
			c.Services = append(c.Services, s)
		}
	}
	return &c
}

// image returns the name of a service's image: <registry>/<fleet>/<service>:<tag>.
func (f *fleet) image(service string) string {
	name := f.Name + "/" + service + ":" + f.Tag
	if f.Registry != "" {
		name = f.Registry + "/" + name
	}
	return name
}

// warn prints findings that are no errors.
func (a *app) warn(findings diag.Findings) {
	for _, f := range findings.Sorted() {
		if f.Severity != diag.Error {
			_, _ = a.Stderr.Write([]byte(f.String() + "\n"))
		}
	}
}

// checkPlatforms refuses what no base exists for.
func checkPlatforms(platforms []string) error {
	known := []string{"linux/amd64", "linux/arm64"}
	for _, p := range platforms {
		if p != known[0] && p != known[1] {
			return diag.Fail(diag.ExitUsage, "the platform %q is not supported", p).
				WithHint("did you mean %q? supported are linux/amd64 and linux/arm64", nearestOr(p, known))
		}
	}
	return nil
}

func nearestOr(word string, candidates []string) string {
	if near := diag.Nearest(word, candidates); near != "" {
		return near
	}
	return candidates[0]
}

// relativeTo shortens a path for people: relative when it lies below dir.
func relativeTo(dir, path string) string {
	if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// dockerfile returns the text that a service is built from: its own, or the
// plan's.
func (f *fleet) dockerfile(s plan.Service) ([]byte, error) {
	if s.Dockerfile == "" {
		return dockerfile.Render(s), nil
	}
	own, err := readFile(filepath.Join(f.root, filepath.FromSlash(s.Dockerfile)))
	if err != nil {
		return nil, diag.Fail(diag.ExitUsage, "reading the Dockerfile of %s", s.Name).Because(err)
	}
	return own, nil
}
