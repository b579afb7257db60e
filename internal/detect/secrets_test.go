package detect

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/plan"
)

// TestSecretsOfAComposeFile: what a compose file mounts for a service is in its plan
// and in the comments of slipway.yaml, and in no step of the build.
func TestSecretsOfAComposeFile(t *testing.T) {
	const service = "services:\n  api:\n    build: {context: api, target: builder}\n"
	for name, c := range map[string]struct {
		compose string
		more    map[string]string
		want    []plan.Secret
	}{
		"by name": {service + "    secrets: [db-password]\nsecrets:\n  db-password: {file: db/password.txt}\n", nil,
			[]plan.Secret{{Target: "/run/secrets/db-password", File: "db/password.txt"}}},
		"with a target": {service + "    secrets:\n      - {source: key, target: api.key}\n      - {source: key, target: /run/keys/a}\nsecrets:\n  key: {file: ./keys/a.key}\n", map[string]string{"keys/a.key": "x"},
			[]plan.Secret{{Target: "/run/secrets/api.key", File: "keys/a.key"}, {Target: "/run/keys/a", File: "keys/a.key"}}},
		"a file that does not exist": {service + "    secrets: [key]\nsecrets:\n  key: {file: none.txt}\n", nil, nil},
		"from the environment":       {service + "    secrets: [key]\nsecrets:\n  key: {environment: KEY}\n", nil, nil},
		"outside of the repository":  {service + "    secrets: [key]\nsecrets:\n  key: {file: ../key}\n", nil, nil},
		"over a part of the image":   {service + "    secrets: [{source: key, target: /app/api}]\nsecrets:\n  key: {file: db/password.txt}\n", nil, nil},
		"that another service asks":  {service + "  db:\n    image: postgres\n    secrets: [key]\nsecrets:\n  key: {file: db/password.txt}\n", nil, nil},
	} {
		files := map[string]string{"compose.yaml": c.compose, "db/password.txt": "db-q5n2g\n", "api/go.mod": goMod, "api/main.go": serving, "api/static/a.html": "a"}
		for file, text := range c.more {
			files[file] = text
		}
		p := one(t, files)
		if diff := cmp.Diff(c.want, p.Secrets); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		found, _ := Survey(repo(files), nil)
		text := string(FleetFile("shop", found, nil))
		for _, s := range c.want {
			if !strings.Contains(text, "# secret: "+s.Target+": the compose file mounts "+s.File) {
				t.Errorf("%s: %s is not in\n%s", name, s.Target, text)
			}
		}
		for _, stage := range p.Stages {
			for _, step := range stage.Steps {
				if strings.Contains(strings.Join(step.Args, " "), "password") {
					t.Errorf("%s: a step copies the secret: %v", name, step)
				}
			}
		}
	}
}
