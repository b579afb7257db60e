package fleet

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
)

// TestAJobIsOfTheDockerfileAsItIs: a Dockerfile that was read for the plan is not parsed
// again for the job, unless somebody changed it meanwhile.
func TestAJobIsOfTheDockerfileAsItIs(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile string
		want      []string // images
	}{
		"unchanged":              {"", []string{"one:1"}},
		"changed":                {"FROM two:2\n", []string{"two:2"}},
		"no Dockerfile any more": {"FROM", nil},
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			write := func(file, text string) {
				at := filepath.Join(top, filepath.FromSlash(file))
				if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, []byte(text), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			write("slipway.yaml", "version: 1\nfleet: f\nservices:\n  web: {type: worker}\n  job: {type: worker, path: web, command: [a]}\n")
			write("web/Dockerfile", "FROM one:1\n")
			f, err := Loader{Dir: top, Warn: func(diag.Findings) {}}.Load(Target{Root: top}, Overrides{})
			if err != nil {
				t.Fatal(err)
			}
			if c.meanwhile != "" {
				write("web/Dockerfile", c.meanwhile)
			}
			jobs, err := f.Jobs(engine.Request{})
			if (err != nil) != (c.want == nil) {
				t.Fatal(err)
			}
			for _, job := range jobs {
				var got []string
				for _, image := range job.File.Images {
					got = append(got, image.Name)
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", job.Request.Name, diff)
				}
			}
			if len(jobs) == 2 && jobs[0].File == jobs[1].File {
				t.Error("two jobs have one File")
			}
		})
	}
}
