package ecosystem

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
)

func TestAServiceIsOneProcessOfAProcfile(t *testing.T) {
	for _, c := range []struct {
		text, name, kind string // of the Procfile and the service
		want             string // process, "" for none
	}{
		{text: "release: migrate\nweb: node server.js\nworker: node worker.js\n", want: "web"},
		{text: "worker: node worker.js\nrelease: migrate\n", want: "worker"},
		{text: "clock: node clock.js\n", want: "clock"},
		{text: "clock: node clock.js\nmailer: node mailer.js\n"},
		{text: "web: a\nworker: b\nmailer: c\n", kind: "worker", want: "worker"},
		{text: "web: a\nworker: b\nmailer: c\n", kind: "worker", name: "mailer", want: "mailer"},
		{text: "web: a\n", kind: "worker"},
		{text: "# web: a\nnot a line\n: b\nweb:\n"},
	} {
		s := Open(fstest.MapFS{"Procfile": {Data: []byte(c.text)}}, config.Service{Name: c.name, Type: c.kind}, nil)
		p, ok := s.Process()
		if p.Name != c.want || ok != (c.want != "") {
			t.Errorf("%q as a %q is %q, not %q", c.text, c.kind, p.Name, c.want)
		}
	}
}

func TestAProcessIsToldItsPort(t *testing.T) {
	for command, want := range map[string]string{
		"gunicorn -b 0.0.0.0:$PORT a":    "gunicorn -b 0.0.0.0:9000 a",
		"serve ${PORT:-8000} ${PORT}":    "serve 9000 9000",
		"run $PORTAL":                    "run $PORTAL",
		"uvicorn app --port ${PORT:-80}": "uvicorn app --port 9000",
	} {
		if got := (Process{Command: command}).WithPort(9000); got != want {
			t.Errorf("%q became %q", command, got)
		}
	}
}

func FuzzProcfile(f *testing.F) {
	f.Add("web: node server.js\r\n\nworker:\tnode worker.js")
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range Procfile(fstest.MapFS{"Procfile": {Data: []byte(text)}}) {
			if p.Name == "" || p.Command == "" || p.Line < 1 {
				t.Error(cmp.Diff(Process{}, p))
			}
		}
	})
}
