package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/slipway-build/slipway/internal/diag"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestParse compares what each file of testdata gives, a fleet or findings, with
// its golden file.
func TestParse(t *testing.T) {
	for name, data := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			fleet, findings := Parse(FileName, data)
			var got []byte
			switch {
			case findings.Errors() != nil:
				got = []byte(findings.Error() + "\n")
				for _, f := range findings {
					if f.Code == "" || f.Text == "" || f.Place.File != FileName {
						t.Errorf("incomplete finding: %#v", f)
					}
				}
			default:
				if findings != nil {
					got = []byte(findings.Error() + "\n")
				}
				if fleet == nil {
					break
				}
				fleetJSON, _ := json.MarshalIndent(fleet, "", "  ")
				got = append(append(got, fleetJSON...), '\n')
			}
			if good := strings.HasPrefix(name, "good-"); good != (fleet != nil) {
				t.Errorf("fleet %v with findings:\n%v", fleet, findings)
			}
			golden(t, strings.TrimSuffix(name, ".yaml")+".golden", got)
		})
	}
}

// TestRefusalsAreOfManyKinds counts the codes that the corpus covers.
func TestRefusalsAreOfManyKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, data := range corpus(t) {
		_, findings := Parse(FileName, data)
		for _, f := range findings {
			seen[f.Code] = true
		}
	}
	for n := 101; n <= 138; n++ {
		if code := fmt.Sprintf("SLP%d", n); !seen[code] && (n <= 125 || n >= 130) {
			t.Errorf("no file of testdata gives %s", code)
		}
	}
}

func TestParseReportsEverythingAtOnce(t *testing.T) {
	data, err := os.ReadFile("testdata/bad-everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fleet, findings := Parse(FileName, data)
	if fleet != nil || len(findings) < 25 {
		t.Errorf("got %d findings and fleet %v", len(findings), fleet)
	}
}

func TestParseIsBounded(t *testing.T) {
	for name, data := range map[string][]byte{
		"huge":     bytes.Repeat([]byte("# a comment\n"), 100_000),
		"brackets": []byte(strings.Repeat("a: [\n", 50_000)),
		"nested":   []byte(strings.Repeat("- ", 2000)),
		"indent":   []byte(stairs(1000)),
	} {
		fleet, findings := Parse(FileName, data)
		if fleet != nil || len(findings) != 1 || findings[0].Code != codeSyntax {
			t.Errorf("%s: got %v", name, findings)
		}
	}
}

func stairs(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// TestSchema compares the schema with its golden file, and checks that it and
// Parse agree on the good files and on what keys there are.
func TestSchema(t *testing.T) {
	golden(t, "../../../docs/slipway.schema.json", Schema())
	schema := compile(t)
	for name, data := range corpus(t) {
		var doc any
		if err := yaml.Unmarshal(data, &doc); err != nil {
			continue
		}
		err := schema.Validate(plainJSON(t, doc))
		_, findings := Parse(FileName, data)
		if len(findings) == 0 && err != nil {
			t.Errorf("%s parses, but the schema refuses it: %v", name, err)
		}
		for _, f := range findings {
			if err == nil && (f.Code == codeUnknownKey || f.Code == codeNoChoice || f.Code == codeWrongType && !strings.Contains(f.Text, "no value")) {
				t.Errorf("%s: the schema accepts what Parse refuses: %s", name, f)
			}
		}
	}
}

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("slipway.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("slipway.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plainJSON turns YAML's values into those of JSON.
func plainJSON(t *testing.T, v any) any {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWords(t *testing.T) {
	for line, want := range map[string][]string{
		"node dist/server.js":           {"node", "dist/server.js"},
		`  node  "a b" 'c"d' e\ f  `:    {"node", "a b", `c"d`, "e f"},
		`node --eval ''`:                {"node", "--eval", ""},
		"node a.js && node b.js":        nil,
		"node a.js > log":               nil,
		"NODE_ENV=test node a.js":       nil,
		"node $FILE":                    nil,
		"node 'a":                       nil,
		"":                              nil,
		"node --conditions=a=b main.js": {"node", "--conditions=a=b", "main.js"},
	} {
		got, err := Words(line)
		if (err != nil) != (want == nil) {
			t.Errorf("Words(%q): error %v", line, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Words(%q) (-want +got):\n%s", line, diff)
		}
	}
}

// FuzzParse: whatever the bytes, Parse ends, says something with a code, and
// gives a fleet or an error, never both.
func FuzzParse(f *testing.F) {
	for _, data := range corpus(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fleet, findings := Parse(FileName, data)
		if (fleet == nil) == (findings.Errors() == nil) {
			t.Fatalf("fleet %v, findings %v", fleet, findings)
		}
		for _, f := range findings {
			if !strings.HasPrefix(f.Code, "SLP1") && !strings.HasPrefix(f.Code, "SLP57") && f.Code != codeWaiver && f.Code != codeQuality && f.Code != codeGate && f.Code != codeSignatures || f.Place.Line < 0 {
				t.Fatalf("bad finding %#v", f)
			}
		}
		_ = diag.Findings(findings).Error()
	})
}

func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files in testdata", err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = data
	}
	return out
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got), -update writes it:\n%s", file, diff)
	}
}

// TestNamedCopiesNothing: a fleet of a thousand services asks for each of them.
func TestNamedCopiesNothing(t *testing.T) {
	f, findings := Parse("slipway.yaml", []byte("version: 1\nfleet: shop\nservices:\n  api: {type: job}\n  web: {type: job}\n"))
	if err := findings.Errors(); err != nil {
		t.Fatal(err)
	}
	var s Service
	if n := testing.AllocsPerRun(10, func() { s, _ = f.Named("web") }); n > 0 || s.Name != "web" {
		t.Errorf("%v allocations to find %q", n, s.Name)
	}
	for _, name := range []string{"other", ""} {
		if s, ok := f.Named(name); ok {
			t.Errorf("%q is %q", name, s.Name)
		}
	}
}
