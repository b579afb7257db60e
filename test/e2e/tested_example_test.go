package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// testedExample is a copy of an example of tested builds.
type testedExample struct{ dir string }

// newTestedExample copies an example, with what its break.sh shares with the others.
func newTestedExample(t *testing.T, name string) testedExample {
	t.Helper()
	from, to := filepath.Join(root, "examples", "03-TestingMultiStage"), t.TempDir()
	copyExample(t, filepath.Join(to, name), filepath.Join(from, name))
	write(t, filepath.Join(to, "breaking.sh"), read(t, filepath.Join(from, "breaking.sh")))
	return testedExample{filepath.Join(to, name)}
}

func (e testedExample) script(t *testing.T, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(e.dir, "scripts", name), args...)
	cmd.Dir = e.dir
	cmd.Env = append(append(os.Environ(), "SLIPWAY="+slipwayBinary()), shared()...)
	return finish(t, cmd)
}

// TestTheTestedExample runs the scripts of 01-nodejs-testing: all suites against real
// servers, then each way to break the example, which its check must catch. The browser, which
// is a large base, joins with SLIPWAY_E2E_BROWSER=1, and so do the gates of slipway test.
func TestTheTestedExample(t *testing.T) {
	real(t)
	e := newTestedExample(t, "01-nodejs-testing")
	whole := os.Getenv("SLIPWAY_E2E_BROWSER") == "1"
	var args []string
	want := map[string]int{"lint": 0, "unit-tests": 19, "integration-tests": 5}
	if whole {
		want["e2e-tests"], want["security-scan"], want["production"] = 2, 0, 0
	} else {
		args = []string{"--only", "lint,unit-tests,integration-tests"}
	}
	x := e.tests(t, 0, args...)
	if len(x.Stages) != len(want) || !x.Passed {
		t.Errorf("stages: %v", x.results())
	}
	for _, s := range x.Stages {
		tests, ok := want[s.Stage]
		if n := s.Totals; !ok || n.Passed != tests || n.Tests != tests || s.Result != "passed" && s.Result != "built" {
			t.Errorf("%s: %s, %+v", s.Stage, s.Result, n)
		}
	}
	text := e.script(t, "test-all.sh", append(args, "--again")...).must(t, 0).stdout
	if !regexp.MustCompile(`\n[3-6] stages took \S+ together and \S+ side by side\n`).MatchString(text) {
		t.Errorf("the times are not compared:\n%s", text)
	}
	if whole && !regexp.MustCompile(`(?m)^coverage +at least 80 % .* passed$`).MatchString(text) {
		t.Errorf("there is no table of gates:\n%s", text)
	}
	t.Log(text)
	e.breaks(t, map[string][]string{
		"test":          {`failed: test/unit/orders\.test\.ts › .*half a cent goes to the customer`, `the stage failed: nodejs-testing unit-tests`, `caught, exit code 3: stage unit-tests`},
		"key":           {`/app/public/settings\.json:1: error: nodejs-testing: a secret \([a-z-]+\) is in layer \d+ \(COPY `, `caught, exit code 4: gate secrets`},
		"deleted-key":   {`/app/deploy\.pem: error: nodejs-testing: a secret \(private-key\) is in layer \d+ \(COPY deploy\.pem `, `caught, exit code 4: gate secrets`},
		"vulnerability": {`/app/node_modules/minimist: error: nodejs-testing: minimist 1\.2\.5 has GHSA-xvch-5gv4-984h \(critical\)`, `hint: update minimist to 1\.2\.6`, `caught, exit code 4: gate vulnerabilities`},
		"licence":       {`/app/node_modules/ua-parser-js: error: nodejs-testing: ua-parser-js 2\.0\.0-beta\.3 has the licence AGPL-3\.0-or-later`, `caught, exit code 4: gate licences`},
		"size":          {`the image grew by 45 MB \(\+\d+\.\d %\), .*: /app/public/film\.mp4 is new: \+45 MB in layer \d+ \(COPY `, `caught, exit code 4: gate growth`},
	})
	if whole {
		e.missesAGate(t)
	}
}

// tests runs all suites and returns what they report.
func (e testedExample) tests(t *testing.T, code int, args ...string) (x tested) {
	t.Helper()
	r := e.script(t, "test-all.sh", append(args, "--json")...).must(t, code)
	if err := json.Unmarshal([]byte(r.stdout), &x); err != nil {
		t.Fatalf("%v in %s", err, r.stdout)
	}
	return x
}

// TestTheOtherTestedExamples runs the suites of 02 and 03 and breaks them in every way. It takes
// minutes: SLIPWAY_E2E_EXAMPLES=all.
func TestTheOtherTestedExamples(t *testing.T) {
	real(t)
	if os.Getenv("SLIPWAY_E2E_EXAMPLES") != "all" {
		t.Skip("takes minutes: set SLIPWAY_E2E_EXAMPLES=all")
	}
	for name, c := range map[string]struct {
		unit, integration int
		causes            map[string][]string
	}{
		"02-go-testing": {13, 3, map[string][]string{
			"test":          {`failed: .*TestTotal/half_a_cent_goes_to_the_customer`, `caught, exit code 3: stage unit-tests`},
			"key":           {`/app/settings\.json:1: error: go-testing: a secret \([a-z-]+\) is in layer \d+ \(COPY `, `caught, exit code 4: gate secrets`},
			"vulnerability": {`/app/go-testing: error: go-testing: golang\.org/x/crypto v0\.30\.0 has GHSA-v778-237x-gjrc \(critical\)`, `hint: update golang\.org/x/crypto to 0\.31\.0`, `caught, exit code 4: gate vulnerabilities`},
			"size":          {`the image grew by 10 MB \(\+[3-9]\d\.\d %\), .*: /app/film\.mp4 is new: \+10 MB in layer \d+ \(COPY `, `caught, exit code 4: gate growth`},
		}},
		"03-python-testing": {9, 8, map[string][]string{
			"test":          {`failed: .*half a cent goes to the customer`, `caught, exit code 3: stage unit-tests`},
			"key":           {`/app/shop/settings\.json:1: error: python-testing: a secret \([a-z-]+\) is in layer \d+ \(COPY `, `caught, exit code 4: gate secrets`},
			"vulnerability": {`error: python-testing: h11 0\.14\.0 has GHSA-vqfr-h8mv-ghfj \(critical\)`, `hint: update h11 to 0\.16\.0`, `caught, exit code 4: gate vulnerabilities`},
			"size":          {`the image grew by 45 MB \(\+[3-9]\d\.\d %\), .*: /app/shop/film\.mp4 is new: \+45 MB in layer \d+ \(COPY `, `caught, exit code 4: gate growth`},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			e := newTestedExample(t, name)
			passed := map[string]int{}
			for _, s := range e.tests(t, 0).Stages {
				passed[s.Stage] = s.Totals.Passed
			}
			if passed["unit-tests"] != c.unit || passed["integration-tests"] != c.integration {
				t.Errorf("passed: %v", passed)
			}
			e.breaks(t, c.causes)
		})
	}
}

// breaks breaks copies of the example in every way. What each prints has to name the
// cause, not only fail.
func (e testedExample) breaks(t *testing.T, causes map[string][]string) {
	t.Helper()
	_, missing := os.Stat(filepath.Join(state, "advisories"))
	began := time.Now()
	r := e.script(t, "break.sh").must(t, 0)
	t.Logf("broken in every way in %s", time.Since(began).Round(time.Second))
	for way, causes := range causes {
		part, verdict := section(r.stdout, way)
		for _, cause := range causes {
			if !regexp.MustCompile(cause).MatchString(part + verdict) {
				t.Errorf("%s: it does not say %q:\n%s\n%s", way, cause, part, verdict)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(state, "advisories")); missing != nil && err == nil {
		t.Error("break.sh left its database")
	}
}

// section is what break.sh prints about one way, and its verdict.
func section(text, way string) (part, verdict string) {
	_, part, _ = strings.Cut(text, "\n=== "+way+": ")
	part, _, _ = strings.Cut(part, "\n=== ")
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, way+" ") {
			verdict = line
		}
	}
	return part, verdict
}

// missesAGate tests an example that is broken where no stage looks: exit code 4.
func (e testedExample) missesAGate(t *testing.T) {
	t.Helper()
	broken := testedExample{filepath.Join(t.TempDir(), "broken")}
	e.script(t, "break.sh", "--copy", broken.dir, "licence").must(t, 0)
	r := broken.script(t, "test-all.sh").must(t, 4).says(t, "nodejs-testing does not pass its gates")
	if !strings.Contains(r.stdout, "ua-parser-js 2.0.0-beta.3 has the licence AGPL-3.0-or-later") {
		t.Errorf("the cause is not named:\n%s", r.stdout)
	}
}
