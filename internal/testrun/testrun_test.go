package testrun_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/testreport"
	"github.com/slipway-build/slipway/internal/testrun"
)

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func of() testrun.Of {
	return testrun.Of{Fleet: "/repo", Service: "web", Stage: "unit-tests"}
}

// reports makes a fresh directory with a file.
func reports(t *testing.T, s testrun.Shelf, name, text string) string {
	t.Helper()
	dir, err := s.Fresh()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, name), text)
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func keep(t *testing.T, s testrun.Shelf, r testrun.Run, attempts ...string) testrun.Kept {
	t.Helper()
	k, err := s.Keep(r, attempts)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestOnlyAPassedRunOfTheSameInputsIsFound(t *testing.T) {
	s := testrun.Shelf{Dir: t.TempDir()}
	other := of()
	other.Service = "api"
	passed := keep(t, s, testrun.Run{Of: of(), Key: "a", Passed: true, Started: began}, reports(t, s, "x", "1"))
	keep(t, s, testrun.Run{Of: of(), Key: "b", Started: began.Add(time.Second)}, reports(t, s, "x", "2"))
	keep(t, s, testrun.Run{Of: of(), Passed: true, Started: began.Add(2 * time.Second)}, reports(t, s, "x", "3"))
	for _, c := range []struct {
		of   testrun.Of
		key  string
		want bool
	}{{of(), "a", true}, {of(), "b", false}, {of(), "", false}, {other, "a", false}} {
		k, ok := s.Passed(c.of, c.key)
		if ok != c.want || ok && k.Dir != passed.Dir {
			t.Errorf("%+v: %v %+v", c, ok, k)
		}
	}
	if last, ok := s.Last(of()); !ok || !last.Passed || last.Key != "" {
		t.Errorf("the last run is %+v", last)
	}
}

// What is damaged never counts as passed.
func TestDamagedRunsDoNotCount(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string){
		"no record":     func(t *testing.T, dir string) { remove(t, filepath.Join(dir, ".slipway-run.json")) },
		"half a record": func(t *testing.T, dir string) { write(t, filepath.Join(dir, ".slipway-run.json"), `{"key":"a","pass`) },
		"no reports":    func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "reports")) },
		"another service": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, ".slipway-run.json"), `{"fleet":"/repo","service":"x","stage":"unit-tests","key":"a","passed":true}`)
		},
		"a failure": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, ".slipway-run.json"), `{"fleet":"/repo","service":"web","stage":"unit-tests","key":"a"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := testrun.Shelf{Dir: t.TempDir()}
			k := keep(t, s, testrun.Run{Of: of(), Key: "a", Passed: true, Started: began}, reports(t, s, "x", "1"))
			damage(t, filepath.Dir(k.Dir))
			if k, ok := s.Passed(of(), "a"); ok {
				t.Errorf("passed: %+v", k)
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func TestOldRunsMakeRoom(t *testing.T) {
	s := testrun.Shelf{Dir: t.TempDir()}
	for i := range 14 {
		keep(t, s, testrun.Run{Of: of(), Key: "a", Passed: true, Started: began.Add(time.Duration(i) * time.Minute)}, reports(t, s, "x", "1"))
	}
	found, _ := filepath.Glob(filepath.Join(s.Dir, "*", "*", "*"))
	if len(found) != 10 || !strings.Contains(found[0], "T030805") {
		t.Errorf("%d runs are left, the oldest %s", len(found), found[0])
	}
}

// A killed command leaves directories that nobody will take; those of a command that runs
// stay.
func TestLeftoversAreCollected(t *testing.T) {
	s := testrun.Shelf{Dir: t.TempDir()}
	old, young := reports(t, s, "x", "1"), reports(t, s, "x", "1")
	before := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(old, before, before); err != nil {
		t.Fatal(err)
	}
	if err := s.Collect(time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("an old leftover stays")
	}
	if _, err := os.Stat(young); err != nil {
		t.Error("the directory of a running command is gone")
	}
}

// tree lists the files below a directory.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(at string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && e.Name() != ".slipway-run.json" {
			data, err := os.ReadFile(at)
			rel, _ := filepath.Rel(dir, at)
			out[rel] = string(data)
			return err
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestReportsAreDelivered(t *testing.T) {
	s := testrun.Shelf{Dir: t.TempDir()}
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	first := keep(t, s, testrun.Run{Of: of(), Key: "a", Passed: true, Started: began}, reports(t, s, "try/junit.xml", "1"), reports(t, s, "deep/junit.xml", "2"))
	if err := first.Deliver(root, "reports/web/unit-tests"); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"reports/web/unit-tests/deep/junit.xml": "2", "reports/web/unit-tests.attempt-1/try/junit.xml": "1"}
	if diff := cmp.Diff(want, tree(t, dir)); diff != "" {
		t.Errorf("first (-want +got):\n%s", diff)
	}
	second := keep(t, s, testrun.Run{Of: of(), Key: "b", Started: began.Add(time.Second)}, reports(t, s, "junit.xml", "3"))
	for range 2 { // the second time there is nothing to do
		if err := second.Deliver(root, "reports/web/unit-tests"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"reports/web/unit-tests/junit.xml": "3"}, tree(t, dir)); diff != "" {
			t.Errorf("second (-want +got):\n%s", diff)
		}
	}
}

// What failed first and passed then is flaky; what only one attempt reports stays.
func TestFlakyCases(t *testing.T) {
	s := testrun.Shelf{Dir: t.TempDir()}
	k := keep(t, s, testrun.Run{Of: of(), Passed: true, Started: began},
		reports(t, s, "junit.xml", `<testsuite><testcase name="a"><failure message="late"/></testcase><testcase name="b"/></testsuite>`),
		reports(t, s, "junit.xml", `<testsuite><testcase name="a"/><testcase name="b"/></testsuite>`))
	r, err := k.Report()
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Totals(); n.Flaky != 1 || n.Passed != 1 || n.Tests != 2 {
		data, _ := json.Marshal(r)
		t.Errorf("totals %+v of %s", n, data)
	}
}

// What a first attempt has of a file that could not be imported is flaky once another
// attempt passed as a whole, and stays while none has.
func TestFlakyFiles(t *testing.T) {
	for what, c := range map[string]struct {
		name, first, last string
	}{
		"pytest":   {"junit.xml", `<testsuite><testcase classname="" name="tests.test_db"><error message="collection failure"/></testcase></testsuite>`, `<testsuite><testcase classname="tests.test_db" name="test_a"/></testsuite>`},
		"Surefire": {"TEST-a.xml", `<testsuite name="A"><testcase classname="A" name=""><error message="@BeforeAll"/></testcase></testsuite>`, `<testsuite name="A"><testcase classname="A" name="a"/></testsuite>`},
		"TAP":      {"a.tap", "TAP version 13\nBail out! no server\n", "TAP version 13\nok 1 - a\n1..1\n"},
	} {
		for _, passed := range []bool{true, false} {
			s := testrun.Shelf{Dir: t.TempDir()}
			r, err := keep(t, s, testrun.Run{Of: of(), Passed: passed, Started: began}, reports(t, s, c.name, c.first), reports(t, s, c.name, c.last)).Report()
			if err != nil {
				t.Fatal(err)
			}
			if n := r.Totals(); n.Flaky == 1 != passed || n.Errored == 1 == passed || n.Passed != 1 {
				t.Errorf("%s, passed %v: %+v", what, passed, r.Cases)
			}
		}
	}
}

// Any number of pages does not hide a report, and of too many reports the run says so.
func TestManyFiles(t *testing.T) {
	s := testrun.Shelf{Dir: t.TempDir()}
	dir := reports(t, s, "junit.xml", `<testsuite><testcase name="a"><failure message="x"/></testcase></testsuite>`)
	for i := range 2001 {
		write(t, filepath.Join(dir, "coverage", strconv.Itoa(i)+".html"), "<html>")
	}
	r, err := keep(t, s, testrun.Run{Of: of(), Started: began}, dir).Report()
	if err != nil || len(r.Failures()) != 1 || len(r.Problems) != 0 {
		t.Errorf("pages: %+v, %v", r, err)
	}
	dir = reports(t, s, "z/junit.xml", `<testsuite><testcase name="a"><failure message="x"/></testcase></testsuite>`)
	for i := range 2001 {
		write(t, filepath.Join(dir, "a", strconv.Itoa(i)+".json"), "{}")
	}
	r, err = keep(t, s, testrun.Run{Of: of(), Started: began.Add(time.Hour)}, dir).Report()
	if err != nil || len(r.Failures()) != 1 || len(r.Problems) != 1 || r.Problems[0].Text != "2 files were not read: the stage left more than 2000" {
		t.Errorf("reports: %+v, %v", r, err)
	}
}

// Half a file gives what it has and is told; a file in no format of reports is none.
func TestBrokenReports(t *testing.T) {
	s := testrun.Shelf{Dir: t.TempDir()}
	dir := reports(t, s, "junit.xml", `<testsuite><testcase name="a"/><testcase na`)
	write(t, filepath.Join(dir, "index.html"), "<html>")
	write(t, filepath.Join(dir, "status"), "1\n")
	r, err := keep(t, s, testrun.Run{Of: of(), Started: began}, dir).Report()
	if err != nil || len(r.Cases) != 1 || r.Cases[0].Status != testreport.Passed || len(r.Problems) != 1 || r.Problems[0].File != "junit.xml" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestStatus(t *testing.T) {
	for text, want := range map[string]int{"0\n": 0, "1\n": 1, " 137 ": 137, "": -1, "ok": -1, strings.Repeat("1", 40): -1} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "status"), text)
		code, err := testrun.Status(dir)
		if (err != nil) != (want == -1) || err == nil && code != want {
			t.Errorf("%q: %d, %v", text, code, err)
		}
	}
	if code, err := testrun.Status(t.TempDir()); code != 0 || err != nil {
		t.Errorf("no status: %d, %v", code, err)
	}
}
