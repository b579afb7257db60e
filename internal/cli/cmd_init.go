package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/detect"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/generated"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/repository"
)

// initFlags are the flags of `slipway init`.
type initFlags struct {
	json   bool
	dryRun bool
	write  bool
}

func (a *app) initCommand() *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Detect the services of a repository and write slipway.yaml",
		Long: `Detect the services of a repository and write slipway.yaml, with the evidence
as comments.

If slipway.yaml exists, nothing is written: a diff shows the lines for missing
services, and the exit code is 2. --write adds just those lines. Slipway never
changes existing lines.`,
		Example: `  slipway init
  slipway init --dry-run
  slipway init --json | jq .services`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := a.initDirectory(args)
			if err != nil {
				return err
			}
			return a.init(dir, f)
		},
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.json, "json", false, "print the result as JSON")
	fl.BoolVar(&f.dryRun, "dry-run", false, "print slipway.yaml without writing it")
	fl.BoolVar(&f.write, "write", false, "add missing services to an existing slipway.yaml")
	return cmd
}

// initDirectory decides where slipway.yaml goes. Without an argument, a directory
// below another slipway.yaml is refused: the two would describe the same services.
func (a *app) initDirectory(args []string) (string, error) {
	if len(args) == 1 {
		dir := a.path(args[0])
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return "", diag.Fail(diag.ExitUsage, "directory not found: %s", args[0]).WithHint("slipway init DIR")
		}
		return dir, nil
	}
	if root, err := fleet.Find(a.Dir); err == nil && root != a.Dir {
		return "", diag.Fail(diag.ExitUsage, "%s already describes this directory", filepath.Join(root, config.FileName)).
			WithHint("`slipway init %s` looks for missing services; `slipway init .` writes another file here", root)
	}
	return a.Dir, nil
}

// initResult is what `slipway init --json` prints.
type initResult struct {
	File     string        `json:"file"`
	Written  bool          `json:"written"`
	Diff     string        `json:"diff,omitempty"` // what an existing file lacks
	Services []initService `json:"services"`
	Findings []initFinding `json:"findings,omitempty"`
}

type initService struct {
	Name       string      `json:"name"`
	Path       string      `json:"path"`
	Ecosystem  string      `json:"ecosystem,omitempty"`
	Type       string      `json:"type,omitempty"`
	Port       int         `json:"port,omitempty"`
	Dockerfile string      `json:"dockerfile,omitempty"`
	New        bool        `json:"new"` // slipway.yaml did not name it
	Facts      []plan.Fact `json:"facts"`
	Reads      []plan.Use  `json:"reads,omitempty"`    // variables that its sources read without a default
	Connects   []plan.Use  `json:"connects,omitempty"` // "host:port" of servers that its settings and sources name
}

type initFinding struct {
	diag.Finding
	Severity string `json:"severity"`
}

// survey is what detection finds in a directory beside its slipway.yaml.
type survey struct {
	dir, path string
	old       []byte // slipway.yaml, nil without
	fleet     *config.Fleet
	found     []detect.Found
	findings  diag.Findings
}

// isNew reports a service that slipway.yaml lacks. Services are identified by path,
// those of one directory by their command too.
func (s survey) isNew(f detect.Found) bool {
	return s.fleet == nil || !slices.ContainsFunc(s.fleet.Services, func(w config.Service) bool {
		return w.Path == f.Service.Path && (!f.Program || w.Name == f.Service.Name || slices.Equal(w.Command, f.Service.Command))
	})
}

func (a *app) survey(dir string) (survey, error) {
	s := survey{dir: dir, path: filepath.Join(dir, config.FileName)}
	old, err := repository.ReadFile(dir, config.FileName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, diag.Fail(diag.ExitUsage, "reading %s", s.path).Because(err)
	}
	if err == nil {
		cfg, findings := config.Parse(repository.Relative(a.Dir, s.path), old)
		if err := findings.Errors(); err != nil {
			return s, err
		}
		s.old, s.fleet = old, cfg
	}
	s.found, s.findings = a.fleets().Survey(dir, repository.FS(dir))
	if len(s.found) == 0 {
		a.warn(s.findings)
		return s, diag.Fail(diag.ExitUsage, "no service recognised in %s", dir).
			WithHint("run slipway init in the repository, or specify its directory; files such as package.json and Dockerfile identify services")
	}
	plans := a.fleets().PlansOf(dir, s.found)
	for i, f := range s.found {
		s.found[i].Reads, s.found[i].Connects = plans[f.Service.Name].Reads, plans[f.Service.Name].Connects
		s.findings = append(s.findings, f.Findings...)
	}
	return s, nil
}

// init writes slipway.yaml, or shows what the one that is there lacks.
func (a *app) init(dir string, f initFlags) error {
	s, err := a.survey(dir)
	if err != nil {
		return err
	}
	result := s.result(repository.Relative(a.Dir, s.path))
	text := detect.FleetFile(config.NameOf(filepath.Base(dir)), s.found, s.findings)
	if s.old != nil {
		missing := slices.DeleteFunc(slices.Clone(s.found), func(f detect.Found) bool { return !s.isNew(f) })
		if text = s.old; len(missing) > 0 {
			extension := detect.Extend(s.old, missing)
			text, result.Diff = extension.Apply(s.old), extension.Diff(config.FileName, s.old)
			if _, bad := config.Parse(result.File, text); bad.Errors() != nil {
				return diag.Fail(diag.ExitUsage, "cannot add %d services to %s in its present form", len(missing), result.File).
					WithHint("write each service below services: on its own lines, and run slipway init again")
			}
		}
	}
	if !f.dryRun && (s.old == nil || f.write && result.Diff != "") {
		if err := generated.Replace(s.path, s.path, text); err != nil {
			return err
		}
		result.Written = true
	}
	if err := a.printInit(s, result, text, f); err != nil {
		return err
	}
	return a.initOutcome(s, result, f)
}

// result describes the survey.
func (s survey) result(file string) initResult {
	r := initResult{File: file, Services: []initService{}}
	for _, f := range s.found {
		facts := f.Facts
		if facts == nil {
			facts = []plan.Fact{}
		}
		r.Services = append(r.Services, initService{
			Name: f.Service.Name, Path: f.Service.Path, Ecosystem: f.Service.Ecosystem, Type: f.Service.Type, Port: f.Service.Port,
			Dockerfile: f.Dockerfile, New: s.isNew(f), Facts: facts, Reads: f.Reads, Connects: f.Connects,
		})
	}
	for _, f := range s.findings.Sorted() {
		r.Findings = append(r.Findings, initFinding{f, f.Severity.String()})
	}
	return r
}

func (a *app) printInit(s survey, r initResult, text []byte, f initFlags) error {
	if f.json {
		return a.printJSON(r)
	}
	var err error
	switch {
	case r.Written && s.old == nil:
		_, err = fmt.Fprintf(a.Stdout, "wrote %s with %s\n", r.File, counted(len(r.Services)))
	case r.Diff != "" && !r.Written:
		_, err = fmt.Fprint(a.Stdout, r.Diff)
	case r.Diff != "":
		_, err = fmt.Fprintf(a.Stdout, "added to %s:\n%s", r.File, r.Diff)
	case s.old != nil:
		_, err = fmt.Fprintf(a.Stdout, "%s lists every detected service: nothing to add\n", r.File)
	default: // --dry-run
		_, err = a.Stdout.Write(text)
	}
	return err
}

// initOutcome says what to do next, or what is missing.
func (a *app) initOutcome(s survey, r initResult, f initFlags) error {
	a.noteDifferences(s)
	if s.old == nil || r.Written {
		a.warn(s.findings)
		if err := s.findings.Errors(); err != nil {
			return err
		}
		if r.Written {
			fmt.Fprintln(a.Stderr, "next: slipway build && slipway run --until-healthy")
		}
		return nil
	}
	a.warn(detect.Unlisted(s.old, s.fleet, s.findings))
	if r.Diff != "" && !f.dryRun {
		return diag.Fail(diag.ExitUsage, "%s already exists and lacks services; nothing was written", r.File).
			WithHint("slipway init --write adds the lines marked with +")
	}
	return nil
}

// noteDifferences says where slipway.yaml and the sources differ about a port:
// what is written wins, which is not always what was meant.
func (a *app) noteDifferences(s survey) {
	if s.fleet == nil {
		return
	}
	for _, f := range s.found {
		for _, w := range s.fleet.Services {
			if w.Path == f.Service.Path && (!f.Program || w.Name == f.Service.Name) && w.Port > 0 && f.Service.Port > 0 && w.Port != f.Service.Port {
				fmt.Fprintf(a.Stderr, "note: %s: using port %d of slipway.yaml; detection found %d\n", w.Name, w.Port, f.Service.Port)
			}
		}
	}
	for _, w := range s.fleet.Services {
		if info, err := os.Stat(filepath.Join(s.dir, filepath.FromSlash(w.Path))); err != nil || !info.IsDir() {
			fmt.Fprintf(a.Stderr, "note: %s: directory %s not found; slipway.yaml still lists the service\n", w.Name, w.Path)
		}
	}
}

func counted(services int) string {
	if services == 1 {
		return "1 service"
	}
	return fmt.Sprintf("%d services", services)
}
