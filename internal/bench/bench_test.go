package bench

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/engine"
)

var update = flag.Bool("update", false, "write testdata/result.json")

// fakeLab takes as long for a build as the test says, and remembers what the
// sources were.
type fakeLab struct {
	clock *time.Time
	took  []time.Duration // of the builds in turn
	seen  *[]string       // the source at each build
	fails bool
	open  *int
}

func (l *fakeLab) Build(_ context.Context, req engine.Request) (engine.Result, error) {
	if l.fails {
		return engine.Result{}, errors.New("it does not compile")
	}
	source, err := os.ReadFile(filepath.Join(req.Context, "src", "main.ts"))
	if err != nil {
		return engine.Result{}, err
	}
	lock, err := os.ReadFile(filepath.Join(req.Context, "package-lock.json"))
	*l.seen = append(*l.seen, req.Name+": "+string(source)+string(lock))
	*l.clock = l.clock.Add(l.took[0])
	l.took = l.took[1:]
	return engine.Result{Digest: req.Name}, err
}

func (l *fakeLab) Size(_ context.Context, built engine.Result) (int64, int, error) {
	return map[string]int64{"before": 300e6, "after": 100e6}[built.Digest], 7, nil
}

func (l *fakeLab) Start(context.Context, engine.Result) (time.Duration, int64, error) {
	return 250 * time.Millisecond, 20e6, nil
}

func (l *fakeLab) Close() error { *l.open--; return nil }

// comparison is a bench over a directory with a source and a lock file.
func comparison(t *testing.T) (Bench, *[]string, *int) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"src/main.ts": "start();", "package-lock.json": "{}", "node_modules/a/index.js": "a"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	now, seen, open := time.Unix(0, 0), new([]string), new(int)
	took := map[int][]time.Duration{0: {10 * time.Second, 8 * time.Second, 9 * time.Second}, 1: {9 * time.Second, 2 * time.Second, 6 * time.Second}}
	labs := 0
	return Bench{
		Name: "shop", Dir: dir, Runs: 2, Work: t.TempDir(), Source: "src/main.ts", Manifest: "package-lock.json",
		Sides: [2]Side{{Name: "single-stage", From: "Dockerfile.single", Request: engine.Request{Name: "before"}},
			{Name: "multi-stage", From: "Dockerfile", Request: engine.Request{Name: "after"}}},
		Now: func() time.Time { return now },
		Say: func(string, ...any) {},
		Open: func(context.Context) (Lab, error) {
			*open++
			labs++
			return &fakeLab{clock: &now, took: append([]time.Duration{}, took[(labs-1)%2]...), seen: seen, open: open}, nil
		},
	}, seen, open
}

func TestRunTakesTurnsAndChangesACopy(t *testing.T) {
	b, seen, open := comparison(t)
	r, err := b.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, run := range []string{"0", "1"} {
		for _, side := range []string{"before", "after"} {
			want = append(want, side+": start();{}",
				side+": start();\n// slipway bench "+run+"\n{}", side+": start();\n// slipway bench "+run+"\n{}\n")
		}
	}
	if diff := cmp.Diff(want, *seen); diff != "" {
		t.Errorf("sources of each build (-want +got):\n%s", diff)
	}
	if *open != 0 {
		t.Errorf("%d labs stayed open", *open)
	}
	if text, err := os.ReadFile(filepath.Join(b.Dir, "src/main.ts")); err != nil || string(text) != "start();" {
		t.Errorf("the directory itself was changed: %q, %v", text, err)
	}
	var out bytes.Buffer
	if err := Write(&out, r); err != nil {
		t.Fatal(err)
	}
	table := `shop: Dockerfile.single against Dockerfile, medians of 2 runs

                                     single-stage    multi-stage   change
cold build                                10.00 s         9.00 s   10 % faster
rebuild after a source change              8.00 s         2.00 s   75 % faster
rebuild after a dependency change          9.00 s         6.00 s   33 % faster
image, unpacked                          300.0 MB       100.0 MB   67 % smaller
layers                                          7              7   the same
start-up until healthy                     0.25 s         0.25 s   the same
memory at rest                            20.0 MB        20.0 MB   the same

source change: a comment at the end of src/main.ts
dependency change: an empty line at the end of package-lock.json, so that the installation runs again
cold: base images exist; build cache and downloaded packages do not
`
	if diff := cmp.Diff(table, out.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	out.Reset()
	if err := WriteJSON(&out, r); err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile("testdata/result.json")
	if *update {
		golden, err = out.Bytes(), os.WriteFile("testdata/result.json", out.Bytes(), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(golden), out.String()); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestRunClosesTheLabOfAFailure(t *testing.T) {
	b, _, open := comparison(t)
	b.Open = func(context.Context) (Lab, error) { *open++; return &fakeLab{fails: true, open: open}, nil }
	_, err := b.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "single-stage: it does not compile") || *open != 0 {
		t.Errorf("error = %v with %d labs open", err, *open)
	}
}

func TestSource(t *testing.T) {
	file := &fstest.MapFile{}
	dir := fstest.MapFS{"package.json": file, "vite.config.ts": file, "test/a.test.ts": file, "src/main.ts": file, "src/app.ts": file, "node_modules/a.js": file, "page.html": file}
	for _, c := range []struct {
		candidates []string
		want       string
	}{
		{[]string{"package.json", "src/main.ts"}, "src/main.ts"},
		{[]string{"src/gone.ts"}, "src/app.ts"},
		{nil, "src/app.ts"},
	} {
		if got := Source(dir, c.candidates); got != c.want {
			t.Errorf("Source(%q) = %q, want %q", c.candidates, got, c.want)
		}
	}
	if got := Source(fstest.MapFS{"a.test.ts": file, "z.py": file, "LICENSE": file}, nil); got != "z.py" {
		t.Errorf("Source = %q, want the file that is no test", got)
	}
	if got := Source(fstest.MapFS{"LICENSE": file}, nil); got != "" {
		t.Errorf("Source of no sources = %q", got)
	}
}

func TestManifestPrefersTheLockFile(t *testing.T) {
	file := &fstest.MapFile{}
	for want, dir := range map[string]fstest.MapFS{
		"package-lock.json": {"package.json": file, "package-lock.json": file},
		"go.mod":            {"go.mod": file, "main.go": file},
		"":                  {"index.html": file},
	} {
		if got := Manifest(dir); got != want {
			t.Errorf("Manifest = %q, want %q", got, want)
		}
	}
}
