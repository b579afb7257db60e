package detect

import (
	"io/fs"
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// secretsDir is where a container finds its secrets
// (https://github.com/compose-spec/compose-spec/blob/main/09-secrets.md).
const secretsDir = "/run/secrets"

// given is a secret that a compose file gives a service.
type given struct {
	target string // absolute, in the container
	file   string // relative to the repository's root
	line   int    // of the compose file, where the service asks for it
}

// secretsOf returns the secrets that a service of a compose file asks for and that
// the file takes from files of the repository.
func secretsOf(doc, service yamlNode, dir string) []given {
	names, defined := doc.at("secrets").pairs()
	files := map[string]string{}
	for i, name := range names {
		file := defined[i].at("file").text()
		at := path.Join(dir, file)
		if file != "" && !path.IsAbs(file) && !strings.Contains(file, "$") && fs.ValidPath(at) {
			files[name] = at
		}
	}
	var out []given
	for _, item := range service.at("secrets").items() {
		name, target := item.text(), ""
		if source := item.at("source"); source.node != nil {
			name, target = source.text(), item.at("target").text()
		}
		file, ok := files[name]
		if !ok {
			continue
		}
		if target = ecosystem.Or(target, name); !path.IsAbs(target) {
			target = path.Join(secretsDir, target)
		}
		if strings.HasPrefix(path.Clean(target), "/run/") { // elsewhere it could hide a part of the image
			out = append(out, given{path.Clean(target), file, item.line()})
		}
	}
	return out
}

// secrets are those of a service that exist, with the evidence for each.
func (r repository) secrets(s config.Service) ([]plan.Secret, []plan.Fact) {
	var out []plan.Secret
	var facts []plan.Fact
	for up := path.Clean(s.Path); ; up = path.Dir(up) {
		for _, c := range r.composeIn(up) {
			if c.dir != path.Clean(s.Path) {
				continue
			}
			for _, g := range c.secrets {
				if info, err := fs.Stat(r.tree, g.file); err != nil || !info.Mode().IsRegular() {
					continue
				}
				out = append(out, plan.Secret{Target: g.target, File: g.file})
				facts = append(facts, plan.Fact{Name: "secret", Value: g.target, Evidence: "the compose file mounts " + g.file + " there, and so does slipway run", File: c.file, Line: g.line})
			}
		}
		if up == "." {
			return out, facts
		}
	}
}
