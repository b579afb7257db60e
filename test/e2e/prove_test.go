package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tested is a run of slipway test, as --json prints it.
type tested struct {
	Passed bool `json:"passed"`
	Stages []struct {
		Service, Stage, Result, Why string
		Attempts                    int
		Totals                      struct{ Tests, Passed, Failed, Flaky int }
		Failures                    []struct {
			Name, File string
			Line       int
		}
		LeftOut []string `json:"left_out"`
		Output  []string
		Reports string
	}
}

// results maps each stage to how it ended.
func (x tested) results() map[string]string {
	out := map[string]string{}
	for _, s := range x.Stages {
		out[s.Stage] = s.Result
	}
	return out
}

func prove(t *testing.T, dir string, code int, args ...string) tested {
	t.Helper()
	r := invocation{dir: dir, args: append([]string{"test", "--json"}, args...)}.run(t).must(t, code)
	var x tested
	if err := json.Unmarshal([]byte(r.stdout), &x); err != nil {
		t.Fatalf("%v in %q", err, r.stdout)
	}
	return x
}

// TestQualityStages runs the quality stages of a Dockerfile: they fail and their reports
// come out, they pass, and then nothing runs.
func TestQualityStages(t *testing.T) {
	real(t)
	dir := smallDir(t, "")
	base := read(t, filepath.Join(dir, "Dockerfile"))
	write(t, filepath.Join(dir, "want"), "wrong\n")
	write(t, filepath.Join(dir, "Dockerfile"), base+`
RUN echo made > /made

FROM base AS lint
RUN mkdir -p /reports/lint && echo '<checkstyle><file name="a.js"><error line="3" severity="warning" message="long" source="max-len"/></file></checkstyle>' > /reports/lint/checkstyle.xml

FROM base AS unit-tests
COPY want /want
RUN mkdir -p /reports/unit-tests/pages && cd /reports/unit-tests && ln -s /etc/passwd link && mkfifo pipe && dd if=/dev/zero of=huge bs=1 count=1 seek=10737418240 2>/dev/null && echo page > pages/index.html \
    && echo '<testsuite name="sum"><testcase name="adds" classname="sum" time="1.5"/><testcase name="is right" classname="sum" file="test/sum.js" line="7"><failure message="3 is not 4">at test/sum.js:7</failure></testcase></testsuite>' > junit.xml \
    && if grep -q right /want; then sed -i 's/<failure.*failure>//' junit.xml; echo 0 > status; else echo 1 > status; echo the end of the tests; exit 1; fi

FROM base AS production
USER 1000
`)
	x := prove(t, dir, 3)
	if got := x.results(); got["lint"] != "passed" || got["unit-tests"] != "failed" || got["production"] != "built" || x.Passed {
		t.Fatalf("results %v", got)
	}
	for _, s := range x.Stages {
		if s.Stage != "unit-tests" {
			continue
		}
		if s.Totals.Tests != 2 || s.Totals.Failed != 1 || len(s.Failures) != 1 || s.Failures[0].Line != 7 || !strings.Contains(strings.Join(s.Output, "\n"), "the end of the tests") {
			t.Errorf("unit-tests: %+v", s)
		}
		if left := strings.Join(s.LeftOut, "\n"); !strings.Contains(left, "link: it is no regular file") || !strings.Contains(left, "pipe: it is no regular file") || !strings.Contains(left, "huge: it is larger than 64 MB") {
			t.Errorf("left out: %q", s.LeftOut)
		}
		at := filepath.Join(dir, s.Reports)
		if got := read(t, filepath.Join(at, "pages", "index.html")); got != "page\n" {
			t.Errorf("index.html has %q", got)
		}
		if _, err := os.Lstat(filepath.Join(at, "link")); err == nil {
			t.Error("a link came out")
		}
	}
	if got := read(t, filepath.Join(dir, ".slipway", ".gitignore")); got != "*\n" {
		t.Errorf(".gitignore has %q", got)
	}
	if got := prove(t, dir, 3).results(); got["lint"] != "unchanged" || got["unit-tests"] != "failed" || got["production"] != "unchanged" {
		t.Errorf("again: %v", got)
	}
	write(t, filepath.Join(dir, "want"), "right\n")
	if got := prove(t, dir, 0).results(); got["lint"] == "failed" || got["unit-tests"] != "passed" {
		t.Errorf("right: %v", got)
	}
	settle(t, dir)
	began := time.Now()
	if got := prove(t, dir, 0).results(); got["lint"] != "unchanged" || got["unit-tests"] != "unchanged" {
		t.Errorf("unchanged: %v", got)
	}
	t.Logf("nothing changed: %s", time.Since(began))
	if got := prove(t, dir, 0, "--again", "--only", "lint").results(); len(got) != 1 || got["lint"] != "passed" {
		t.Errorf("--again --only lint: %v", got)
	}
}

// settle runs the stages until files are old enough to be remembered.
func settle(t *testing.T, dir string) {
	t.Helper()
	prove(t, dir, 0)
}

// TestCompanionsBesideAStage: integration tests reach what the service needs, unit tests
// do not, and nothing of it is left.
func TestCompanionsBesideAStage(t *testing.T) {
	real(t)
	dir := smallDir(t, "")
	write(t, filepath.Join(dir, "Dockerfile"), read(t, filepath.Join(dir, "Dockerfile"))+`
FROM base AS unit-tests
RUN mkdir -p /reports/unit-tests && test -z "$REDIS_URL"

FROM base AS integration-tests
RUN mkdir -p /reports/integration-tests && echo "$REDIS_URL" > /reports/integration-tests/url.txt && printf 'PING\r\nQUIT\r\n' | nc -w 5 cache 6379 | grep PONG

FROM base AS production
USER 1000
`)
	write(t, filepath.Join(dir, "slipway.yaml"), "version: 1\nfleet: beside\nservices:\n  web: {path: ., type: worker, needs: {cache: redis}}\n")
	x := prove(t, dir, 0, "--no-image")
	if got := x.results(); got["unit-tests"] != "passed" || got["integration-tests"] != "passed" {
		t.Fatalf("results %v: %+v", got, x)
	}
	if got := read(t, filepath.Join(dir, ".slipway", "reports", "web", "integration-tests", "url.txt")); !strings.HasPrefix(got, "redis://") {
		t.Errorf("REDIS_URL is %q", got)
	}
	if got := prove(t, dir, 0, "--no-image").results(); got["integration-tests"] != "unchanged" {
		t.Errorf("again: %v", got)
	}
}

// TestAnInterruptedTestLeavesNothing: neither a process, nor reports of a stage that did
// not end, nor a pass.
func TestAnInterruptedTestLeavesNothing(t *testing.T) {
	real(t)
	state, env := ownState(t)
	dir := smallDir(t, "")
	write(t, filepath.Join(dir, "Dockerfile"), read(t, filepath.Join(dir, "Dockerfile"))+"FROM base AS lint\nRUN mkdir -p /reports/lint && echo half > /reports/lint/x && echo running && sleep 300\n")
	r := invocation{dir: dir, env: env, args: []string{"test"}}.start(t)
	r.until(t, "the step", inStep(state))
	interrupted(t, r, state)
	if found, _ := filepath.Glob(filepath.Join(dir, ".slipway", "reports", "*")); len(found) > 0 {
		t.Errorf("reports: %q", found)
	}
}

// TestAFlakyStage: what passes at last is told as flaky, and counts as passed.
// The text of its step is another one each time: a cache mount is no part of its key.
func TestAFlakyStage(t *testing.T) {
	real(t)
	dir := smallDir(t, "")
	write(t, filepath.Join(dir, "Dockerfile"), read(t, filepath.Join(dir, "Dockerfile"))+`
FROM base AS unit-tests
RUN --mount=type=cache,target=/c,id=flaky-`+fmt.Sprint(time.Now().UnixNano())+` : `+fmt.Sprint(time.Now().UnixNano())+`; mkdir -p /reports/unit-tests && cd /reports/unit-tests && if test -e /c/second; then ok=; else ok='<failure message="too slow"/>'; fi; touch /c/second \
    && echo "<testsuite><testcase name=\"waits\">$ok</testcase></testsuite>" > junit.xml && test -z "$ok"

FROM base AS production
`)
	x := prove(t, dir, 0, "--rerun-failed", "2", "--only", "unit-tests")
	if len(x.Stages) != 1 || x.Stages[0].Result != "flaky" || x.Stages[0].Attempts != 2 || x.Stages[0].Totals.Flaky != 1 {
		t.Errorf("%+v", x)
	}
	if got := read(t, filepath.Join(dir, x.Stages[0].Reports+".attempt-1", "junit.xml")); !strings.Contains(got, "too slow") {
		t.Errorf("the first attempt reports %q", got)
	}
	if x := prove(t, dir, 0, "--only", "unit-tests"); x.Stages[0].Result != "unchanged" || x.Stages[0].Totals.Flaky != 1 {
		t.Errorf("afterwards: %+v", x)
	}
}
