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
func Survey(dir string, tree fs.FS) ([]detect.Found, diag.Findings) {
	found, findings := detect.Survey(tree, nil)
	name := config.NameOf(strings.ToLower(filepath.Base(dir)))
	taken := slices.ContainsFunc(found, func(f detect.Found) bool { return f.Service.Name == name })
	for i := range found {
		if s := &found[i].Service; s.Path == "." && s.Name == config.Unnamed && !taken {
			s.Name = name
		}
	}
	return found, findings
}

// Detected is the fleet of a directory without slipway.yaml: the services that
// detection finds, with all about them left to be detected. It is nil when there
// are none.
func Detected(dir string, o Overrides) (*config.Fleet, diag.Findings) {
	found, findings := Survey(dir, o.tree(dir))
	if len(found) == 0 {
		return nil, findings
	}
	cfg := config.Default(config.NameOf(filepath.Base(dir)))
	for _, s := range found {
		cfg.Services = append(cfg.Services, s.Key())
	}
	return cfg, findings
}

// ReadsOf plans services that a survey of a directory found, and returns the
// variables that each reads without a default, by the service's name.
func ReadsOf(dir string, found []detect.Found) map[string][]plan.Use {
	cfg := config.Default(config.NameOf(filepath.Base(dir)))
	for _, f := range found {
		cfg.Services = append(cfg.Services, f.Key())
	}
	plans, _ := detect.Plan(repository.FS(dir), cfg) // the survey has the findings
	out := map[string][]plan.Use{}
	for _, p := range plans {
		out[p.Name] = p.Reads
	}
	return out
}
