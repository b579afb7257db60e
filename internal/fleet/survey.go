package fleet

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/detect"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/repository"
)

// Survey finds the services of a directory, whose files are tree. One in the
// directory itself that no manifest names is called as the directory is.
// Examples below the named directories count as services.
func (l Loader) Survey(dir string, tree fs.FS, named ...string) ([]detect.Found, diag.Findings) {
	found, findings := detect.SurveyOn(l.Machine, tree, named...)
	name := config.NameOf(strings.ToLower(filepath.Base(dir)))
	taken := slices.ContainsFunc(found, func(f detect.Found) bool { return f.Service.Name == name })
	for i := range found {
		if s := &found[i].Service; s.Path == "." && s.Name == config.Unnamed && !taken {
			s.Name = name
		}
	}
	return found, findings
}

// surveyOf is what detection finds in a directory.
type surveyOf struct {
	found    []detect.Found
	findings diag.Findings
}

func (l Loader) surveyOf(dir string, o Overrides) surveyOf {
	found, findings := l.Survey(dir, o.tree(dir), o.named...)
	return surveyOf{found, findings}
}

// Detected is the fleet of a directory without slipway.yaml: the services that
// detection finds, with all about them left to be detected. It is nil when there
// are none.
func (l Loader) Detected(dir string, o Overrides) (*config.Fleet, diag.Findings) {
	s := l.surveyOf(dir, o)
	return s.fleet(dir), s.findings
}

func (s surveyOf) fleet(dir string) *config.Fleet {
	if len(s.found) == 0 {
		return nil
	}
	cfg := config.Default(config.NameOf(filepath.Base(dir)))
	for _, f := range s.found {
		cfg.Services = append(cfg.Services, f.Key())
	}
	return cfg
}

// PlansOf plans services that a survey of a directory found, by name.
func (l Loader) PlansOf(dir string, found []detect.Found) map[string]plan.Service {
	cfg := l.on(config.Default(config.NameOf(filepath.Base(dir))))
	for _, f := range found {
		cfg.Services = append(cfg.Services, f.Key())
	}
	plans, _ := detect.Plan(repository.FS(dir), cfg) // the survey has the findings
	return byName(plans)
}
