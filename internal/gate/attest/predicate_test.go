package attest_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/gate/attest"
	"github.com/slipway-build/slipway/internal/inventory"
	"github.com/slipway-build/slipway/internal/testreport"
)

// said is a predicate as generic JSON, as others read it.
func said(t *testing.T, predicate any) map[string]any {
	t.Helper()
	text, err := json.Marshal(predicate)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestProvenance(t *testing.T) {
	at := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	got := said(t, attest.Provenance(attest.Build{
		Version: "v1.2.0", Service: "web", Target: "production", Platforms: []string{"linux/amd64"}, Secrets: []string{"npm"},
		Args: map[string]string{"NODE_VERSION": "22.1", "CHANNEL": "shop"}, Dockerfile: strings.Repeat("1", 64), Inputs: "sha256:" + strings.Repeat("2", 64),
		Bases: map[string]string{"slipway/node:22": "sha256:" + strings.Repeat("3", 64), "unpinned": "docker-image://x"}, Lock: strings.Repeat("4", 64),
		Source: attest.Source{URL: "https://git.example/shop.git", Commit: strings.Repeat("5", 40)}, Started: at, Finished: at.Add(time.Minute),
	}))
	want := map[string]any{
		"buildDefinition": map[string]any{
			"buildType": "https://github.com/slipway-build/slipway/blob/main/docs/PROVENANCE.md#v1",
			"externalParameters": map[string]any{
				"service": "web", "target": "production", "platforms": []any{"linux/amd64"}, "secretIds": []any{"npm"},
				"arguments": map[string]any{"NODE_VERSION": "22.1"}, "argumentsWithoutValue": []any{"CHANNEL"},
				"dockerfile": map[string]any{"name": "Dockerfile", "digest": map[string]any{"sha256": strings.Repeat("1", 64)}},
			},
			"resolvedDependencies": []any{
				map[string]any{"name": "slipway/node:22", "digest": map[string]any{"sha256": strings.Repeat("3", 64)}},
				map[string]any{"name": "source", "uri": "git+https://git.example/shop.git", "digest": map[string]any{"gitCommit": strings.Repeat("5", 40)}},
				map[string]any{"name": "fingerprint of all inputs", "digest": map[string]any{"slipwayFingerprint": strings.Repeat("2", 64)}},
				map[string]any{"name": "slipway.lock", "digest": map[string]any{"sha256": strings.Repeat("4", 64)}},
			},
		},
		"runDetails": map[string]any{
			"builder":  map[string]any{"id": "https://github.com/slipway-build/slipway", "version": map[string]any{"slipway": "v1.2.0"}},
			"metadata": map[string]any{"startedOn": "2026-11-29T12:00:00Z", "finishedOn": "2026-11-29T12:01:00Z"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("provenance (-want +got):\n%s", diff)
	}
}

// Nothing that may be a secret enters a statement.
func TestStatementsHoldNoSecrets(t *testing.T) {
	args := map[string]string{
		"API_KEY": "CANARY1", "TOKEN": "1.2", "DB_PASSWORD": "production", "HTTP_PROXY": "http://me:CANARY2@proxy:1", "REPO": "https://me:CANARY3@git.example/x",
		"CHANNEL": "ghp_CANARY4CANARY4CANARY4CANARY4CANARY", "PIN": "1", "SOURCE_DATE_EPOCH": "CANARY5", "NOTE": "linux/CANARY6",
	}
	for _, p := range []any{
		attest.Provenance(attest.Build{
			Args: args, Bases: map[string]string{"https://me:CANARY@registry.example/x": "sha256:aa"}, Secrets: []string{"npm"},
			Source: attest.Source{URL: "https://me:CANARY@git.example/x?token=CANARY", Commit: "aa"},
		}),
		attest.Tests(testreport.Report{Cases: []testreport.Case{
			{Stage: "unit-tests", Name: "reads https://me:CANARY@db/x", Status: testreport.Failed, Message: "CANARY", Output: "CANARY"},
			{Stage: "unit-tests", Name: "accepts gh" + "p_CANARYq7Zr2KxV9bTn4LwPm8Hd5JyGc3FsAv6", Status: testreport.Passed},
		}}, []gate.Stage{{Name: "lint", Result: "failed", Why: "CANARY"}}),
		attest.Vulnerabilities(attest.Scan{Hits: []advisory.Hit{{ID: "GHSA-1", Summary: "CANARY", Package: inventory.Package{URL: "pkg:generic/x?download_url=https://me:CANARY@x/y"}}}}),
	} {
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"CANARY", `"TOKEN":`, `"DB_PASSWORD":`, `"PIN":`} {
			if strings.Contains(string(text), word) {
				t.Errorf("%s is in %s", word, text)
			}
		}
	}
}

func TestResultsOfTests(t *testing.T) {
	report := testreport.Report{Cases: []testreport.Case{
		{Stage: "unit-tests", Suite: "orders", Name: "adds", Status: testreport.Passed},
		{Stage: "unit-tests", Name: "b", Status: testreport.Flaky},
		{Stage: "unit-tests", Name: "a", Status: testreport.Skipped},
	}}
	got := said(t, attest.Tests(report, []gate.Stage{{Name: "lint", Result: "passed"}}))
	want := map[string]any{
		"result": "WARNED", "configuration": []any{map[string]any{"name": "lint", "annotations": map[string]any{"result": "passed"}}},
		"passedTests": []any{"unit-tests: orders adds"}, "warnedTests": []any{"unit-tests: a", "unit-tests: b"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tests (-want +got):\n%s", diff)
	}
	broken := testreport.Report{Cases: report.Cases[:1], Problems: []testreport.Unreadable{{Stage: "unit-tests", File: "junit.xml", Text: "it ends early"}}}
	if diff := cmp.Diff(map[string]any{
		"result": "WARNED", "configuration": []any{}, "passedTests": []any{"unit-tests: orders adds"}, "warnedTests": []any{"unit-tests: the report junit.xml is broken"},
	}, said(t, attest.Tests(broken, nil))); diff != "" {
		t.Errorf("half a report (-want +got):\n%s", diff)
	}
	report.Cases[0].Status = testreport.Errored
	if got := said(t, attest.Tests(report, nil)); got["result"] != "FAILED" {
		t.Errorf("the result is %v", got["result"])
	}
	if got := said(t, attest.Tests(testreport.Report{}, []gate.Stage{{Name: "lint", Result: "failed"}})); got["result"] != "FAILED" {
		t.Errorf("the result is %v", got["result"])
	}
}

func TestResultsOfScans(t *testing.T) {
	at := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	got := said(t, attest.Vulnerabilities(attest.Scan{
		Version: "v1", Started: at, Finished: at, Database: advisory.Database{Updated: at},
		Hits: []advisory.Hit{{ID: "GHSA-1", Severity: advisory.High, Score: 7.5, Reach: advisory.NotKnown, Package: inventory.Package{URL: "pkg:npm/a@1"}, Dismissed: "vulnerable_code_not_present"}},
	}))
	want := map[string]any{
		"scanner": map[string]any{
			"uri": "https://github.com/slipway-build/slipway", "version": "v1", "db": map[string]any{"lastUpdate": "2026-11-29T12:00:00Z"},
			"result": []any{map[string]any{
				"id": "GHSA-1", "severity": []any{map[string]any{"method": "word", "score": "high"}, map[string]any{"method": "cvss", "score": "7.5"}},
				"annotations": map[string]any{"package": "pkg:npm/a@1", "reach": "not known", "vex": "vulnerable_code_not_present"},
			}},
		},
		"metadata": map[string]any{"scanStartedOn": "2026-11-29T12:00:00Z", "scanFinishedOn": "2026-11-29T12:00:00Z"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("scan (-want +got):\n%s", diff)
	}
}
