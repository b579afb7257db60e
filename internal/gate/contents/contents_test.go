package contents_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/gate/contents"
	"github.com/slipway-build/slipway/internal/proof/layer"
)

// entry is a file of a layer: a directory when its name ends with "/", deleted when its
// name says so.
type entry struct {
	name string
	size int
	mode int64
	link string
}

func index(t testing.TB, entries ...entry) *layer.Index {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(e.size), Typeflag: tar.TypeReg, Uid: 3, Gid: 4}
		switch {
		case strings.HasSuffix(e.name, "/"):
			h.Typeflag = tar.TypeDir
		case e.link != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.link
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, e.size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	x, err := layer.Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestWeigh: a file that is replaced, one that is deleted with its directory, and the
// packages of the rest.
func TestWeigh(t *testing.T) {
	layers := []*layer.Index{
		index(t, entry{name: "usr/bin/node", size: 900_000, mode: 0o755}, entry{name: "var/cache/apt/a", size: 300_000}, entry{name: "var/cache/apt/b", size: 100_000}, entry{name: "etc/motd", size: 10},
			entry{name: "bin/bash", size: 5, mode: 0o755}, entry{name: "bin/sh", link: "bash"}, entry{name: "usr/bin/su", size: 7, mode: 0o4755}),
		index(t, entry{name: "app/node_modules/@a/b/x.js", size: 70_000}, entry{name: "app/node_modules/@a/b/y.js", size: 30_000}, entry{name: "app/index.js", size: 50},
			entry{name: "app/data.bin", size: 200_000}, entry{name: "usr/lib/python3/dist-packages/yaml/a.py", size: 40}, entry{name: "usr/lib/python3/dist-packages/PyYAML-6.0.dist-info/RECORD", size: 4}),
		index(t, entry{name: "var/cache/.wh.apt"}, entry{name: "app/data.bin", size: 210_000}),
	}
	img := gate.Image{}
	contents.Weigh(&img, layers)
	wantWaste := []gate.Waste{{Path: "/var/cache/apt/a", Bytes: 300_000, Layer: 0, By: 2}, {Path: "/app/data.bin", Bytes: 200_000, Layer: 1, By: 2}, {Path: "/var/cache/apt/b", Bytes: 100_000, Layer: 0, By: 2}}
	if diff := cmp.Diff(wantWaste, img.Wasted); diff != "" || img.WastedBytes != 600_000 {
		t.Errorf("%d bytes are wasted: %s", img.WastedBytes, diff)
	}
	wantParts := []gate.Part{
		{Path: "/usr/bin/node", Bytes: 900_000}, {Path: "/app/data.bin", Bytes: 210_000, Layer: 2}, {Path: "/app/node_modules/@a/b", Name: "@a/b", Bytes: 100_000, Layer: 1},
		{Path: "/app/", Bytes: 50, Layer: 1}, {Path: "/usr/lib/python3/dist-packages/yaml", Name: "yaml", Bytes: 40, Layer: 1}, {Path: "/etc/", Bytes: 10}, {Path: "/usr/bin/", Bytes: 7},
		{Path: "/bin/", Bytes: 5}, {Path: "/usr/lib/python3/dist-packages/PyYAML-6.0.dist-info", Name: "PyYAML", Bytes: 4, Layer: 1},
	}
	if diff := cmp.Diff(wantParts, img.Parts); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
	// dive: the deletion of the directory counts as one path of 400,000; data.bin is seen twice.
	smallest, all := 900_000+400_000+10+5+7+100_000+50+44+200_000+400_000, 900_000+400_000+10+5+7+100_000+50+44+410_000+400_000
	if want := float64(smallest) / float64(all); math.Abs(img.Efficiency-want) > 1e-9 || img.Dive.WastedBytes != 410_000 {
		t.Errorf("efficiency %v, want %v; dive's waste %d", img.Efficiency, want, img.Dive.WastedBytes)
	}
	if diff := cmp.Diff([]string{"/usr/bin/su"}, img.Setuid); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"/bin/sh"}, img.Shells); diff != "" {
		t.Error(diff)
	}
	if img.SizeBytes != layers[0].Bytes+layers[1].Bytes+layers[2].Bytes || len(img.Layers) != 3 {
		t.Errorf("%d bytes in %d layers", img.SizeBytes, len(img.Layers))
	}
}

const structure = `schemaVersion: "2.0.0"
fileExistenceTests:
  - {name: the program, path: /app/run, shouldExist: true, permissions: "-rwxr-x---", uid: 3, gid: 4, isExecutableBy: group}
  - {name: no cache, path: /var/cache, shouldExist: false}
  - {name: readable, path: /app/run, permissions: "-rw-r--r--"}
  - {name: for others, path: /app/run, isExecutableBy: other}
  - {name: missing, path: /app/walk}
fileContentTests:
  - name: settings
    path: /etc/app.conf
    expectedContents: ["port = [0-9]+"]
    excludedContents: ["debug"]
  - {name: no debug, path: /etc/app.conf, excludedContents: [port]}
commandTests:
  - {name: it runs, command: /app/run, args: ["--version"], expectedOutput: ["^1\\."]}
metadataTest:
  env: [{key: NODE_ENV, value: production}, {key: PATH, value: ".*/usr/bin.*", isRegex: true}, {key: GONE, value: x}]
  exposedPorts: ["8080"]
  unexposedPorts: ["22"]
  entrypoint: []
  cmd: ["/app/run"]
  workdir: /srv
  user: "1001"
`

// TestStructure runs each kind of test of the schema 2.0.0.
func TestStructure(t *testing.T) {
	tests, err := contents.ReadStructure("s.yaml", []byte(structure))
	if err != nil {
		t.Fatal(err)
	}
	tree := layer.Merge([]*layer.Index{index(t, entry{name: "app/run", size: 3, mode: 0o750}, entry{name: "etc/app.conf", size: 11})})
	view := contents.View{
		Image: &gate.Image{Env: []string{"NODE_ENV=production", "PATH=/bin:/usr/bin"}, Ports: []string{"8080/tcp"}, Cmd: []string{"/app/run"}, Workdir: "/app", User: "1001"},
		Tree:  tree, Read: func(string) ([]byte, error) { return []byte("port = 8080"), nil },
	}
	results, err := tests.Run(t.Context(), view)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range results {
		got = append(got, fmt.Sprintf("%s:%d: %s%s", r.Name, r.Line, r.Problem, r.Skipped))
	}
	want := []string{
		"the program:3: ", "no cache:4: ", "readable:5: /app/run has the permissions -rwxr-x---, not -rw-r--r--", "for others:6: /app/run is not executable by other (-rwxr-x---)", "missing:7: /app/walk does not exist in the image",
		"settings:9: ", `no debug:13: /etc/app.conf matches "port"`,
		`metadataTest:16: the variable GONE is missing; the working directory is "/app", not "/srv"`,
		"it runs:15: nothing is started here",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	view.Run = func(_ context.Context, c contents.CommandTest) (contents.CommandResult, error) {
		return contents.CommandResult{Stdout: "2.0"}, nil
	}
	results, err = tests.Run(t.Context(), view)
	if last := results[len(results)-1]; err != nil || last.Problem != `its output does not match "^1\\."` {
		t.Errorf("%+v, %v", last, err)
	}
	tests.Options = &contents.StructureOptions{Privileged: true, EnvFile: "a.env"}
	results, err = tests.Run(t.Context(), view)
	if last := results[len(results)-1]; err != nil || last.Skipped != "Slipway does not give containers of tests privileged, envFile of containerRunOptions" {
		t.Errorf("%+v, %v", last, err)
	}
}

func TestBrokenRules(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"schemaVersion: 1.0.0\n", `s.yaml:1: error: the version of the schema is "1.0.0" [SLP626]`},
		{"schemaVersion: 2.0.0\nfileExistenceTest: []\n", `s.yaml:2: error: field fileExistenceTest not found [SLP626]`},
		{"schemaVersion: 2.0.0\nfileContentTests:\n  - {name: a, path: /a, expectedContents: [\"(\"]}\n", `s.yaml:3: error: "(" is not a regular expression`},
		{"schemaVersion: [\n", "s.yaml:1: error: did not find expected node content"},
		{"schemaVersion: 2.0.0\nfileContentTests: " + strings.Repeat("[", 60), "s.yaml:2: error: the nesting is deeper than 50 levels"},
		{"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n", "s.yaml:1: error: field a not found"},
		{"schemaVersion: 2.0.0\nfileContentTests: 5\n", "s.yaml:2: error: cannot unmarshal !!int `5` [SLP626]"},
		{"", `s.yaml:1: error: the version of the schema is "" [SLP626]`},
	} {
		_, err := contents.ReadStructure("s.yaml", []byte(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
	}
}

func TestDiveRules(t *testing.T) {
	base := gate.Defaults(gate.About{})
	l, err := contents.DiveRules(base, ".dive-ci", []byte("rules:\n  lowestEfficiency: 0.95\n  highestWastedBytes: 20MB\n  highestUserWastedPercent: \"0.20\"\n"))
	if err != nil || *l.Efficiency != 0.95 || *l.DiveWasted != 20e6 || *l.WastedPercent != 20 {
		t.Errorf("%+v, %v", l.Weight, err)
	}
	l, err = contents.DiveRules(base, ".dive-ci", []byte("rules:\n  lowestEfficiency: disabled\n  highestWastedBytes: 3 KiB\n"))
	if err != nil || l.Efficiency != nil || *l.DiveWasted != 3072 || *l.WastedPercent != 10 {
		t.Errorf("%+v, %v", l.Weight, err)
	}
	_, err = contents.DiveRules(base, ".dive-ci", []byte("rules:\n  lowestEfficiency: 95\n  highestWaste: 1\n  highestWastedBytes: lots\n"))
	var found diag.Findings
	if !errors.As(err, &found) || len(found) != 3 || found[0].Place.Line != 2 || found[2].Place.Line != 4 {
		t.Errorf("%v", err)
	}
	if _, err = contents.DiveRules(base, ".dive-ci", []byte("rules: [")); err == nil {
		t.Error("broken YAML passes")
	}
}

func FuzzRules(f *testing.F) {
	f.Add([]byte(structure))
	f.Add([]byte("rules:\n  lowestEfficiency: 0.95\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if tests, err := contents.ReadStructure("s.yaml", data); err == nil {
			if _, err := tests.Run(t.Context(), contents.View{Image: &gate.Image{}, Tree: layer.Merge(nil)}); err != nil {
				t.Fatal(err)
			}
		}
		_, _ = contents.DiveRules(gate.Limits{}, ".dive-ci", data)
	})
}
