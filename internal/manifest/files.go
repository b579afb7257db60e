package manifest

import (
	"fmt"
	"path"
	"slices"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/deploy"
)

// Format is how objects are written to a directory.
type Format string

// The formats.
const (
	Plain     Format = "yaml"      // a file a service
	Kustomize Format = "kustomize" // a base and an overlay of the environment
	Helm      Format = "helm"      // a chart
)

// Formats are their names.
func Formats() []string { return []string{string(Plain), string(Kustomize), string(Helm)} }

// File is a file to write, at a path with slashes below a directory.
type File struct {
	Path string
	Text []byte
}

// Files are those of a fleet in a format.
func (f Fleet) Files(format Format) ([]File, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	switch format {
	case Kustomize:
		return f.kustomize()
	case Helm:
		return f.helm()
	}
	return f.plain()
}

// plain has a file a service, one for the routes, and the hooks beside them: a directory
// is applied whole, and hooks run one after the other.
func (f Fleet) plain() ([]File, error) {
	var out []File
	for _, s := range f.running() {
		out = append(out, File{s.Name + ".yaml", YAML(f.of(s))})
	}
	if routes := f.Entrances(); len(routes) > 0 {
		out = append(out, File{"routes.yaml", YAML(routes)})
	}
	hooks, err := f.hookFiles("hooks")
	return append(out, hooks...), err
}

func (f Fleet) hookFiles(dir string) ([]File, error) {
	var out []File
	for _, phase := range []Phase{Before, After, Rollback} {
		jobs, err := f.Jobs(phase)
		if err != nil {
			return nil, err
		}
		for i, hook := range byJob(jobs) {
			out = append(out, File{path.Join(dir, fmt.Sprintf("%s-%d.yaml", phase, i+1)), YAML(hook)})
		}
	}
	return out, nil
}

// byJob divides objects so that each part ends with a Job.
func byJob(objects []Object) (out [][]Object) {
	begin := 0
	for i, o := range objects {
		if o.Kind() == "Job" {
			out = append(out, objects[begin:i+1])
			begin = i + 1
		}
	}
	return out
}

// running are the services that run all the time.
func (f Fleet) running() []Service {
	return slices.DeleteFunc(slices.Clone(f.Services), func(s Service) bool { return s.Type == jobType })
}

// of are the objects of a service.
func (f Fleet) of(s Service) []Object { return append(f.Shared(s), f.Workload(s)...) }

// neutral is the fleet without what the release or the environment says.
func (f Fleet) neutral() Fleet {
	out := Fleet{Name: f.Name, Services: slices.Clone(f.Services)}
	for i, s := range out.Services {
		s.Digest, s.Secrets = "", nil
		s.Placement = config.Placement{Strategy: deploy.Strategy{Kind: deploy.Rolling, Surge: 1}, Replicas: 1}
		out.Services[i] = s
	}
	return out
}
