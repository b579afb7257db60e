package proof

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/detect"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

// TestWhatThePlanSaidIsNotSaidAgain: one thing is one finding, but only that thing.
func TestWhatThePlanSaidIsNotSaidAgain(t *testing.T) {
	shell := func() *box {
		return nodeBox().app("dist/db.js", "const { exec, execFile } = require('child_process');\nexec(`${line}`);\nexecFile('ffmpeg');\n")
	}
	key := func() *box { return nodeBox().app("certs/tls.key", aKey).app("certs/other.key", aKey) }
	for _, c := range []struct {
		name string
		box  *box
		said []plan.Said
		want []string // code and a word of the text
	}{
		{"nothing about a shell", shell(), nil, []string{"SLP370 sh,", "SLP370 ffmpeg,"}},
		{"a shell", shell(), []plan.Said{{About: plan.ProgramCalled, Name: "sh"}}, []string{"SLP370 ffmpeg,"}},
		{"nothing about a key", key(), nil, []string{"SLP371 other.key", "SLP371 tls.key"}},
		{"a key", key(), []plan.Said{{About: plan.KeyInImage, Name: "certs/tls.key"}}, []string{"SLP371 other.key"}},
		{"a key of that name elsewhere", key(), []plan.Said{{About: plan.KeyInImage, Name: "tls.key"}}, []string{"SLP371 other.key", "SLP371 tls.key"}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			s := c.box.subject(t)
			s.Service.Said = c.said
			got := Check(s)
			if len(got) != len(c.want) {
				t.Fatalf("findings:\n%v\nnot %v", got, c.want)
			}
			for i, want := range c.want {
				if code, word, _ := strings.Cut(want, " "); got[i].Code != code || !strings.Contains(got[i].Text, word) {
					t.Errorf("got %v, not %s", got[i], want)
				}
			}
		})
	}
}

// repeated are the findings of plans that the check of an image has a word for,
// by the subject that keeps it quiet. Other pairs cannot meet: either the plan's
// finding is an error, so that there is no image (SLP207, SLP269, SLP274, SLP285,
// SLP340, SLP341), or the plan changes the start (SLP284, SLP292), or takes the
// file out of the image (SLP276, SLP323).
func repeated() map[string]plan.Subject {
	return map[string]plan.Subject{"SLP286": plan.ProgramCalled, "SLP273": plan.KeyInImage, "SLP288": plan.KeyInImage, "SLP320": plan.KeyInImage}
}

// TestPlansSayWhatTheyReported: in the whole corpus, a finding that an image would
// repeat is one that the plan tells it of.
func TestPlansSayWhatTheyReported(t *testing.T) {
	const corpus = "../../testdata/repos"
	cases, err := os.ReadDir(corpus)
	if err != nil {
		t.Fatal(err)
	}
	roots := keyed()
	for _, dir := range cases {
		roots[dir.Name()] = os.DirFS(filepath.Join(corpus, dir.Name(), "repo"))
	}
	seen := map[string]bool{}
	for name, root := range roots {
		services, findings := planned(t, root)
		for _, f := range findings {
			about, is := repeated()[f.Code]
			if !is {
				continue
			}
			seen[f.Code] = true
			service, _, _ := strings.Cut(f.Text, ":")
			i := slices.IndexFunc(services, func(s plan.Service) bool { return s.Name == service })
			if i < 0 || !slices.ContainsFunc(services[i].Said, func(s plan.Said) bool { return s.About == about }) {
				t.Errorf("%s: the plan does not say to the check of the image: %v", name, f)
			}
		}
	}
	for code := range repeated() {
		if !seen[code] {
			t.Errorf("no repository has the finding %s", code)
		}
	}
}

// keyed are services that read a private key of their own directory.
func keyed() map[string]fs.FS {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	return map[string]fs.FS{
		"a key, Node.js": fstest.MapFS{
			"package.json": file(`{"name":"web","scripts":{"start":"node server.js"}}`), "package-lock.json": file(`{"name":"web","lockfileVersion":3,"packages":{"":{"name":"web"}}}`),
			"server.js": file("require('http').createServer().listen(3000); require('fs').readFileSync('certs/tls.key');\n"), "certs/tls.key": file(aKey),
		},
		"a key, Python": fstest.MapFS{
			"requirements.txt": file("flask==3.0.3\ngunicorn==22.0.0\n"), "certs/tls.key": file(aKey),
			"app.py": file("from flask import Flask\napp = Flask(__name__)\nKEY = open('certs/tls.key').read()\n"),
		},
		"a key, Go": fstest.MapFS{
			"go.mod": file("module example.com/web\n\ngo 1.25\n"), "certs/tls.key": file(aKey),
			"main.go": file("package main\n\nimport (\n\t\"net/http\"\n\t\"os\"\n)\n\nfunc main() {\n\tos.ReadFile(\"certs/tls.key\")\n\thttp.ListenAndServe(\":8080\", nil)\n}\n"),
		},
	}
}

func planned(t *testing.T, root fs.FS) ([]plan.Service, diag.Findings) {
	t.Helper()
	var fleet *config.Fleet
	if data, err := fs.ReadFile(root, config.FileName); err == nil {
		if fleet, _ = config.Parse(config.FileName, data); fleet == nil {
			return nil, nil
		}
	}
	return detect.Plan(root, fleet)
}
