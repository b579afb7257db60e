package fleet

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
)

func TestAsk(t *testing.T) {
	choice := &diag.Choice{Service: "x", Lines: []string{"path: apps/api", "path: apps/mail"}}
	for answer, want := range map[string]string{"1\n": "path: apps/api", " 2 \n": "path: apps/mail", "2": "path: apps/mail", "": "", "\n": "", "3\n": "", "0\n": "", "-1\n": "", "api\n": ""} {
		var out bytes.Buffer
		if got := Ask(strings.NewReader(answer), &out, choice); got != want {
			t.Errorf("%q is %q, not %q", answer, got, want)
		}
		if want := "  1  path: apps/api\n  2  path: apps/mail\nWrite which line for x into slipway.yaml? [1-2, Enter for none] "; out.String() != want {
			t.Errorf("asks %q", out.String())
		}
	}
}

func TestChoices(t *testing.T) {
	chosen := diag.Finding{Choice: &diag.Choice{Service: "a", Lines: []string{"path: b"}}}
	for name, c := range map[string]struct {
		findings diag.Findings
		want     int
	}{
		"none":           {diag.Findings{{Severity: diag.Warning}}, 0},
		"one":            {diag.Findings{chosen, {Severity: diag.Warning}}, 1},
		"one, twice":     {diag.Findings{chosen, chosen}, 1},
		"another error":  {diag.Findings{chosen, {}}, 0},
		"without a line": {diag.Findings{{Choice: &diag.Choice{Service: "a"}}}, 0},
	} {
		if got := Choices(c.findings); len(got) != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestSettle(t *testing.T) {
	const head = "version: 1\nfleet: f\nservices:\n"
	for name, c := range map[string]struct{ text, want string }{
		"another value": {"  x: # ours\n    type: worker\n    path: .\n  y:\n    path: y\n", "  x: # ours\n    type: worker\n    path: apps/api\n  y:\n    path: y\n"},
		"a new key":     {"  x:\n    type: worker\n  y:\n    path: y\n", "  x:\n    path: apps/api\n    type: worker\n  y:\n    path: y\n"},
		"nothing yet":   {"  y:\n    path: y\n  x:", "  y:\n    path: y\n  x:\n    path: apps/api\n"},
		"one line":      {"  x: {path: ., type: worker}\n", "  x: {path: apps/api, type: worker}\n"},
		"empty braces":  {"  x: {}\n", "  x: {path: apps/api}\n"},
		"in braces":     {"  x: {type: worker} # ours\n", "  x: {type: worker, path: apps/api} # ours\n"},
		"deeper":        {"    x:\n      # why\n      env: {A: b}\n      path: .\n", "    x:\n      # why\n      env: {A: b}\n      path: apps/api\n"},
		"not there":     {"  y:\n    path: y\n", ""},
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, config.FileName)
		if err := os.WriteFile(file, []byte(head+c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		err := Settle(dir, "x", "path: apps/api")
		got, readErr := os.ReadFile(file)
		if readErr != nil {
			t.Fatal(readErr)
		}
		if c.want == "" {
			if err == nil || string(got) != head+c.text || !strings.Contains(diag.HintOf(err), "path: apps/api") {
				t.Errorf("%s: %v, and the file is\n%s", name, err, got)
			}
			continue
		}
		if err != nil || string(got) != head+c.want {
			t.Errorf("%s: %v, and the file is\n%s", name, err, got)
		}
	}
}
