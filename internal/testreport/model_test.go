package testreport_test

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/slipway-build/slipway/internal/testreport"
)

func TestMerge(t *testing.T) {
	unit := testreport.Report{
		Cases:    []testreport.Case{{Stage: "unit-tests", Name: "a", Status: testreport.Passed, Runs: 1}},
		Coverage: []testreport.File{{Path: "b.js", Lines: map[int]int{1: 1, 2: 0}, Branches: 2, BranchesTaken: 1}},
		Findings: []testreport.Finding{{Tool: "eslint", Text: "x"}},
	}
	integration := testreport.Report{
		Cases:    []testreport.Case{{Stage: "integration-tests", Name: "a", Status: testreport.Failed, Runs: 1}},
		Coverage: []testreport.File{{Path: "a.js", Lines: map[int]int{1: 0}}, {Path: "b.js", Lines: map[int]int{2: 3, 3: 0}, Branches: 2, BranchesTaken: 2}},
		Findings: []testreport.Finding{{Tool: "eslint", Text: "x"}, {Tool: "eslint", Text: "y"}},
	}
	got := testreport.Merge(unit, integration)
	want := testreport.Report{
		Cases:    []testreport.Case{unit.Cases[0], integration.Cases[0]},
		Coverage: []testreport.File{{Path: "a.js", Lines: map[int]int{1: 0}}, {Path: "b.js", Lines: map[int]int{1: 1, 2: 3, 3: 0}, Branches: 2, BranchesTaken: 2}},
		Findings: integration.Findings,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if unit.Coverage[0].Lines[2] != 0 {
		t.Error("the reports have changed")
	}
	covered := testreport.Coverage{Lines: 4, Covered: 2, Branches: 2, BranchesTaken: 2, Missed: []testreport.Missed{{"a.js", []int{1}}, {"b.js", []int{3}}}}
	if diff := cmp.Diff(covered, got.Covered()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	none := testreport.Report{Coverage: []testreport.File{{Path: "b.js"}}}
	if again := testreport.Merge(none, unit); again.Coverage[0].Lines[1] != 1 {
		t.Errorf("%+v", again.Coverage)
	}
	if one := got.Stage("unit-tests"); len(one.Cases) != 1 || one.Cases[0] != unit.Cases[0] {
		t.Errorf("%+v", one)
	}
}

func TestTotals(t *testing.T) {
	r := read(t, "junit.xml", `<testsuite>
<testcase name="a" time="0.2"/><testcase name="b" time="3"/><testcase name="c" time="1"><failure message="f"/></testcase>
<testcase name="d"><error message="e"/></testcase><testcase name="e"><skipped message="later"/></testcase>
<testcase name="f" time="2"><flakyFailure message="once"/></testcase></testsuite>`)
	r.Findings = []testreport.Finding{{Severity: testreport.Error}, {Severity: testreport.Warning}, {Severity: testreport.Note}}
	want := testreport.Totals{Tests: 6, Passed: 2, Failed: 1, Errored: 1, Skipped: 1, Flaky: 1, Errors: 1, Warnings: 1, Notes: 1}
	if diff := cmp.Diff(want, r.Totals()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for what, c := range map[string]struct {
		got  []testreport.Case
		want []string
	}{
		"slowest": {r.Slowest(3), []string{"b", "f", "c"}},
		"all":     {r.Slowest(100), []string{"b", "f", "c", "a"}},
		"none":    {r.Slowest(-1), nil},
		"failed":  {r.Failures(), []string{"c", "d"}},
		"flaky":   {r.FlakyCases(), []string{"f"}},
		"skipped": {r.SkippedCases(), []string{"e"}},
	} {
		var names []string
		for _, one := range c.got {
			names = append(names, one.Name)
		}
		if diff := cmp.Diff(c.want, names); diff != "" {
			t.Errorf("%s: -want +got:\n%s", what, diff)
		}
	}
}

// TestRerun: a test that fails and then passes is flaky, and stays visible as such.
func TestRerun(t *testing.T) {
	first := read(t, "junit.xml", `<testsuite><testcase name="good"/><testcase name="flaky" time="1"><failure message="once"/></testcase><testcase name="bad"><failure message="first"/></testcase><testcase name="gone"><error message="stays"/></testcase></testsuite>`)
	again := read(t, "junit.xml", `<testsuite><testcase name="flaky" time="2"/><testcase name="bad"><failure message="second"/></testcase><testcase name="new"/></testsuite>`)
	got := first.Rerun(again)
	want := []testreport.Case{
		{Name: "good", Status: testreport.Passed, Runs: 1},
		{Name: "flaky", Status: testreport.Flaky, Runs: 2, Message: "once", Duration: 2 * time.Second},
		{Name: "bad", Status: testreport.Failed, Runs: 2, Message: "second"},
		{Name: "gone", Status: testreport.Errored, Runs: 1, Message: "stays"},
		{Name: "new", Status: testreport.Passed, Runs: 1},
	}
	if diff := cmp.Diff(want, got.Cases, cmpopts.IgnoreFields(testreport.Case{}, "Stage")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if first.Cases[1].Status != testreport.Failed {
		t.Error("the first report has changed")
	}
	third := got.Rerun(read(t, "junit.xml", `<testsuite><testcase name="bad"/></testsuite>`))
	if c := third.Cases[2]; c.Status != testreport.Flaky || c.Runs != 3 || c.Message != "second" {
		t.Errorf("%+v", c)
	}
}

// TestRerunOfTwins: of two tests of one name, the one that passes does not hide the
// other's failure.
func TestRerunOfTwins(t *testing.T) {
	twins := `<testsuite><testcase name="same"><failure message="1"/></testcase><testcase name="same"><failure message="2"/></testcase></testsuite>`
	got := read(t, "junit.xml", twins).Rerun(read(t, "junit.xml", `<testsuite><testcase name="same"/><testcase name="same"><failure message="2"/></testcase></testsuite>`))
	if a, b := got.Cases[0], got.Cases[1]; a.Status != testreport.Flaky || b.Status != testreport.Failed || b.Runs != 2 {
		t.Errorf("%+v", got.Cases)
	}
	// In one file two cases of one name are two tests.
	if r := read(t, "junit.xml", `<testsuite><testcase name="same"><failure message="1"/></testcase><testcase name="same"/></testsuite>`); len(r.Cases) != 2 || len(r.Failures()) != 1 {
		t.Errorf("%+v", r.Cases)
	}
}

// TestTAPDirectives: a word of a test's name is no directive.
func TestTAPDirectives(t *testing.T) {
	for line, want := range map[string]testreport.Case{
		"not ok 1 - GET /#todos":               {Name: "GET /#todos", Status: testreport.Failed, Runs: 1},
		"not ok 1 - shows the #skip link":      {Name: "shows the #skip link", Status: testreport.Failed, Runs: 1},
		"not ok 1 - opens # skipper":           {Name: "opens # skipper", Status: testreport.Failed, Runs: 1},
		"not ok 1 - links to #todo":            {Name: "links to #todo", Status: testreport.Failed, Runs: 1},
		"ok 1 - shows the #skip link":          {Name: "shows the #skip link", Status: testreport.Passed, Runs: 1},
		"ok 1 - GET /#todos # SKIP no network": {Name: "GET /#todos", Status: testreport.Skipped, Message: "no network"},
		"ok 1 - pays # skipped: no network":    {Name: "pays", Status: testreport.Skipped, Message: "no network"},
		"ok 1 - pays #SKIP":                    {Name: "pays", Status: testreport.Skipped},
		"ok 1 # SKIP no network":               {Name: "1", Status: testreport.Skipped, Message: "no network"},
		"not ok 1 - pays # TODO later":         {Name: "pays", Status: testreport.Skipped, Message: "TODO later"},
		"ok 1 - pays # time=1.5ms":             {Name: "pays", Status: testreport.Passed, Runs: 1, Duration: 1500 * time.Microsecond},
	} {
		r := read(t, "a.tap", "TAP version 13\n"+line+"\n1..1\n")
		if diff := cmp.Diff([]testreport.Case{want}, r.Cases, cmpopts.IgnoreFields(testreport.Case{}, "Stage")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
	}
}

// TestEmptyReports: a report of tests without a case says that none ran; one of coverage
// says nothing of tests.
func TestEmptyReports(t *testing.T) {
	for name, content := range map[string]string{"junit.xml": `<testsuites/>`, "a.tap": "TAP version 13\n1..0\n", "jest.json": `{"numTotalTests": 0, "testResults": []}`} {
		if r := testreport.Merge(read(t, name, content), read(t, name, content)); !cmp.Equal(r.Empty, []string{"unit-tests"}) || !cmp.Equal(r.Stage("unit-tests").Empty, r.Empty) || r.Stage("e2e-tests").Empty != nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
	for name, content := range map[string]string{"junit.xml": `<testsuite><testcase name="a"/></testsuite>`, "lcov.info": "TN:\nSF:a.js\nDA:1,1\nend_of_record\n"} {
		if r := read(t, name, content); r.Empty != nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestGoCoverage: the percentage is that of `go test -cover`, for profiles of several
// stages too.
func TestGoCoverage(t *testing.T) {
	content, err := os.ReadFile("testdata/go/cover.out")
	if err != nil {
		t.Fatal(err)
	}
	r := read(t, "cover.out", string(content))
	if c := r.Covered(); c.Lines != 8 || c.Covered != 5 || c.Percent() != 62.5 {
		t.Errorf("%+v", c)
	}
	other := read(t, "cover.out", "mode: set\nexample.com/orders/price/price.go:18.19,21.2 2 1\n")
	if c := testreport.Merge(r, other).Covered(); c.Lines != 8 || c.Covered != 7 {
		t.Errorf("%+v", c)
	}
	change := r.Relocate(testreport.Roots{Prefixes: map[string]string{"example.com/orders": "."}}).CoveredChange(map[string][]int{"price/price.go": {1, 9, 11, 20, 20}, "README.md": {1}})
	want := testreport.Coverage{Lines: 3, Covered: 1, Missed: []testreport.Missed{{"price/price.go", []int{9, 20}}}}
	if diff := cmp.Diff(want, change); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if p := r.CoveredChange(nil).Percent(); p != 100 {
		t.Errorf("nothing changed: %f", p)
	}
}

func TestRelocate(t *testing.T) {
	roots := testreport.Roots{
		Prefixes: map[string]string{"/app": "services/api", "/app/shared": "shared", "example.com/orders": "services/orders"},
		Base:     "services/api",
		Files:    []string{"services/api/src/main/java/com/example/Order.java", "services/other/src/main/java/com/example/Order.java", "services/api/src/a.js", "lib/a.js", "shared/b.js", "services/api/x/dup.js", "services/api/y/dup.js"},
	}
	for from, want := range map[string]string{
		"/app/src/a.js":            "services/api/src/a.js",
		"/app/shared/b.js":         "shared/b.js",
		"/application/a.js":        "/application/a.js",
		"/usr/lib/x.js":            "/usr/lib/x.js",
		"example.com/orders/a.go":  "services/orders/a.go",
		"example.com/orders2/a.go": "services/api/example.com/orders2/a.go",
		"src/a.js":                 "services/api/src/a.js",
		"./src/../src/a.js":        "services/api/src/a.js",
		"shared/b.js":              "shared/b.js",
		"com/example/Order.java":   "services/api/src/main/java/com/example/Order.java",
		"dup.js":                   "services/api/dup.js",
		"new.js":                   "services/api/new.js",
		"":                         "",
	} {
		r := testreport.Report{Cases: []testreport.Case{{File: from}}, Findings: []testreport.Finding{{File: from}}, Coverage: []testreport.File{{Path: from, Lines: map[int]int{1: 1}}}}
		got := r.Relocate(roots)
		if got.Cases[0].File != want || got.Findings[0].File != want || got.Coverage[0].Path != want {
			t.Errorf("%s: %+v, not %s", from, got, want)
		}
		if r.Cases[0].File != from {
			t.Error("the report has changed")
		}
	}
	one := testreport.Report{Coverage: []testreport.File{{Path: "/app/a.js", Lines: map[int]int{1: 1}}, {Path: "a.js", Lines: map[int]int{1: 2, 2: 0}}}}
	want := []testreport.File{{Path: "a.js", Lines: map[int]int{1: 3, 2: 0}}}
	if diff := cmp.Diff(want, one.Relocate(testreport.Roots{Prefixes: map[string]string{"/app": "."}}).Coverage); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestChanged(t *testing.T) {
	diff := `diff --git a/src/a.go b/src/a.go
index 1..2 100644
--- a/src/a.go
+++ b/src/a.go
@@ -3 +3,2 @@ func f() {
-old
+new
++++ b/not-a-file
@@ -10,2 +11,0 @@
-gone
--- a/looks-like-one
@@ -20 +20 @@
-x
\ No newline at end of file
+y
\ No newline at end of file
diff --git a/gone.go b/gone.go
deleted file mode 100644
--- a/gone.go
+++ /dev/null
@@ -1 +0,0 @@
-x
diff --git a/old.go b/new name.go
similarity index 90%
rename from old.go
rename to new name.go
--- a/old.go
+++ b/new name.go	
@@ -1 +1 @@
-x
+y
diff --git "a/gr\303\266\303\237e.go" "b/gr\303\266\303\237e.go"
--- "a/gr\303\266\303\237e.go"
+++ "b/gr\303\266\303\237e.go"
@@ -0,0 +5,2 @@
+a
+
diff --git a/pic.png b/pic.png
Binary files a/pic.png and b/pic.png differ
diff --git i/c.go w/c.go
--- i/c.go
+++ w/c.go
@@ -1,3 +1,3 @@
 same
-x
+y
 same
`
	got, err := testreport.Changed([]byte(diff))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]int{"src/a.go": {3, 4, 20}, "new name.go": {1}, "größe.go": {5, 6}, "c.go": {2}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, bad := range []string{"+++ b/a.go\n@@ -1 +1,3 @@\n-x\n+y\n", "+++ b/a.go\n@@ -1 +1,3 @@\n-x\n+y\ndiff --git a/b b/b\n"} {
		if got, err := testreport.Changed([]byte(bad)); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}
