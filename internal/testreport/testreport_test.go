package testreport_test

import (
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/testreport"
)

var update = flag.Bool("update", false, "write the golden files")

// corpus calls fn for each file that a tool wrote, in testdata/<tool>/.
func corpus(t testing.TB, fn func(name string, content []byte)) {
	t.Helper()
	n := 0
	err := filepath.WalkDir("testdata", func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && e.Name() == "fuzz" {
			return filepath.SkipDir
		}
		if err != nil || e.IsDir() || strings.HasSuffix(p, ".golden") || strings.HasSuffix(p, ".md") {
			return err
		}
		content, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		n++
		fn(strings.TrimPrefix(filepath.ToSlash(p), "testdata/"), content)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		t.Fatal("the corpus is empty")
	}
}

// TestCorpus reads files that the real tools wrote. Beside each stands the model.
func TestCorpus(t *testing.T) {
	corpus(t, func(name string, content []byte) {
		t.Run(name, func(t *testing.T) {
			var r testreport.Report
			if err := testreport.Read(&r, "stage", name, content); err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(struct {
				testreport.Totals
				testreport.Report
			}{r.Totals(), r}, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	})
}

func TestUnknownFormat(t *testing.T) {
	for name, content := range map[string]string{
		"shot.png": "\x89PNG\r\n", "index.html": "<!doctype html><html></html>", "notes.txt": "some words\n",
		"package.json": `{"name": "orders"}`, "list.json": `[1, 2]`, "meta.json": `{"meta": {}}`, "build.log": "checking\nok\n", "go.log": "ok  \texample.com/a\t0.1s\n", "clover.xml": `<coverage generated="1"><project/></coverage>`,
	} {
		var r testreport.Report
		err := testreport.Read(&r, "unit-tests", name, []byte(content))
		if !errors.Is(err, testreport.ErrUnknown) || len(r.Problems) > 0 {
			t.Errorf("%s: %v, %v", name, err, r.Problems)
		}
	}
}
