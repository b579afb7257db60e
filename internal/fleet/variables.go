package fleet

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/detect"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dotenv"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/repository"
)

// codeEnvFile: a file that env_file: names cannot be read.
const codeEnvFile = "SLP405"

// Variables are those that slipway.yaml gives a running service: of its files
// first, then of env:. They are read when the service runs and are part of no
// plan. A name alone in a file takes the caller's value and is left out when the
// caller has none.
func (f *Fleet) Variables(s config.Service, lookup func(string) (string, bool)) (map[string]string, error) {
	return f.variables(s.Name, s.EnvFiles, s.Env, s.Line, lookup)
}

// EnvironmentVariables are those that an environment gives each service: of its files
// first, then of its env:.
func (f *Fleet) EnvironmentVariables(e config.Environment, lookup func(string) (string, bool)) (map[string]string, error) {
	return f.variables("environment "+e.Name, e.EnvFiles, e.Env, e.Line, lookup)
}

func (f *Fleet) variables(of string, files []string, set map[string]string, line int, lookup func(string) (string, bool)) (map[string]string, error) {
	env := map[string]string{}
	var findings diag.Findings
	for _, name := range files {
		data, err := repository.ReadFile(f.Root, name)
		if err != nil {
			text := fmt.Sprintf("%s: the file %s of env_file: cannot be read: %v", of, path.Clean(name), reason(err))
			if errors.Is(err, fs.ErrNotExist) {
				text = fmt.Sprintf("%s: the file %s of env_file: does not exist", of, path.Clean(name))
			}
			findings = append(findings, diag.Finding{Code: codeEnvFile, Place: diag.Place{File: f.File, Line: line}, Text: text,
				Hint: "create it, or delete it from env_file:; its path is relative to slipway.yaml"})
			continue
		}
		list, problems := dotenv.Parse(path.Clean(name), data)
		findings = append(findings, problems...)
		dotenv.Apply(env, list, lookup)
	}
	maps.Copy(env, set)
	return env, findings.Errors()
}

// reason is an error without the path that the text around it names.
func reason(err error) error {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return at.Err
	}
	return err
}

// Plans returns the plans of services by name, for what their sources ask for.
// What cannot be planned has none: its image exists, its sources need not.
func (f *Fleet) Plans(chosen []string) map[string]plan.Service {
	services, _ := detect.Plan(repository.FS(f.Root), f.Only(chosen))
	return byName(services)
}

func byName(services []plan.Service) map[string]plan.Service {
	out := map[string]plan.Service{}
	for _, s := range services {
		out[s.Name] = s
	}
	return out
}

// Secrets are the files that a running service gets, by their paths on this machine.
// Those that do not exist any more are left out.
func (f *Fleet) Secrets(s plan.Service) []localrun.Secret {
	var out []localrun.Secret
	for _, secret := range s.Secrets {
		if file, err := repository.Regular(f.Root, secret.File); err == nil {
			out = append(out, localrun.Secret{Target: secret.Target, File: file})
		}
	}
	return out
}
