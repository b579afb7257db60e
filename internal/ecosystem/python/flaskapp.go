package python

import (
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// FLASK_APP is "hello.py", "shop", "shop.web:app" or "shop:create_app('x')"
// (https://flask.palletsprojects.com/en/stable/cli/#application-discovery).
var (
	flaskEnv = pattern.Lazy(`(?m)^\s*(?:export\s+)?FLASK_APP\s*=\s*['"]?([^'"\s#]+)`)
)

// takeFlaskApp takes the application that FLASK_APP names, in slipway.yaml, in
// the Dockerfile behind it or in .flaskenv. false when nothing names one that the
// sources have.
func (s *service) takeFlaskApp() bool {
	named, at := s.Want.Env["FLASK_APP"], ecosystem.Hit{}
	if data, err := ecosystem.Read(s.Dir, ".flaskenv"); named == "" && err == nil {
		at = ecosystem.Find(flaskEnv(), ".flaskenv", data)
		named = at.Text
	}
	module, object, _ := strings.Cut(named, ":")
	object, _, _ = strings.Cut(object, "(")
	module = strings.ReplaceAll(strings.TrimSuffix(path.Clean(module), ".py"), "/", ".")
	for _, root := range []string{".", "src"} {
		found := s.index.find(root, module)
		if named == "" || len(found) == 0 {
			continue
		}
		file := found[len(found)-1]
		of := func(hits []ecosystem.Hit) ecosystem.Hit {
			for _, h := range hits {
				if h.File == file && (object == "" || h.Text == object) {
					return h
				}
			}
			return ecosystem.Hit{}
		}
		for i, hits := range [][]ecosystem.Hit{s.scan.wsgi, s.scan.used, s.scan.factory} {
			if h := of(hits); h.Found() {
				s.app = s.object(kindWSGI, h, i == 2)
				s.Fact("FLASK_APP", named, "names the application", at.File, at.Line)
				return true
			}
		}
	}
	return false
}
