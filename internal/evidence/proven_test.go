package evidence_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/evidence"
	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/gate/attest"
	"github.com/slipway-build/slipway/internal/inventory"
	"github.com/slipway-build/slipway/internal/scan"
	"github.com/slipway-build/slipway/internal/testreport"
)

// ran is what gates see of an image whose one test ended so.
func ran(status testreport.Status, digest string) gate.Subject {
	return gate.Subject{
		Service: "web", Image: &gate.Image{Digest: digest}, Today: time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC),
		Tests:    &testreport.Report{Cases: []testreport.Case{{Stage: "unit-tests", Name: "adds", Status: status}}},
		Database: &advisory.Database{Ecosystems: []string{"npm"}}, ScannedBy: scan.Own,
	}
}

func TestWhatTestsProvedIsKeptOfTheirImage(t *testing.T) {
	w := newWorld(t)
	other := w.put(t, "shop/web:old").Digest()
	made := w.made(t).Built.Result
	k := evidence.Keeper{Store: w.store, Signer: w.key, Version: "v1"}
	must(t, k.Tested(t.Context(), "shop/web:latest", made, ran(testreport.Passed, made.Digest), true))
	if _, err := w.find(t, "tmp:1").Verify(t.Context(), w.policy(attest.PredicateTests, attest.PredicateVulnerabilities), time.Now()); err != nil {
		t.Error(err)
	}
	if of := w.statements(t, other); len(of) != 0 {
		t.Errorf("an image that was not tested has %v", of)
	}

	// The same again changes nothing, on another day neither.
	before := w.find(t, "tmp:1").List()
	again := ran(testreport.Passed, made.Digest)
	again.Today = again.Today.AddDate(0, 0, 1)
	must(t, evidence.Keeper{Store: w.store, Version: "v1"}.Tested(t.Context(), "shop/web:latest", made, again, true))
	if diff := cmp.Diff(before, w.find(t, "tmp:1").List()); diff != "" {
		t.Errorf("the same result (-want +got):\n%s", diff)
	}

	// Another result takes its place, and is not signed unless the image passed.
	must(t, k.Tested(t.Context(), "shop/web:latest", made, ran(testreport.Failed, made.Digest), false))
	if said := w.statements(t, "tmp:1")[attest.PredicateTests]; len(said) != 1 || !strings.Contains(said[0], `"result":"FAILED"`) {
		t.Errorf("statements %v", said)
	}
	if _, err := w.find(t, "tmp:1").Verify(t.Context(), w.policy(attest.PredicateTests), time.Now()); err == nil {
		t.Error("a test that failed is accepted")
	}
}

func TestWhatAScanFoundIsKept(t *testing.T) {
	w := newWorld(t)
	digest := w.put(t, "shop/web:latest").Digest()
	at := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	result := scan.Result{Image: "shop/web:latest", Digest: digest, Scanner: scan.Own}
	k := evidence.Keeper{Store: w.store, Signer: w.key, Version: "v1"}
	must(t, evidence.Keeper{Store: w.store}.Scanned(t.Context(), result, at, at, true)) // no database: nothing is known
	foreign := result
	foreign.Scanner, foreign.Database = "grype", &advisory.Database{}
	must(t, evidence.Keeper{Store: w.store}.Scanned(t.Context(), foreign, at, at, true))
	if said := w.statements(t, digest); len(said) != 0 {
		t.Fatalf("statements %v", said)
	}
	result.Database = &advisory.Database{Ecosystems: []string{"npm"}, Updated: at}
	must(t, k.Scanned(t.Context(), result, at, at, true))
	must(t, k.Scanned(t.Context(), result, at.Add(time.Hour), at.Add(time.Hour), true))
	said := w.statements(t, digest)[attest.PredicateVulnerabilities]
	if len(said) != 1 || !strings.Contains(said[0], `"scanStartedOn":"2026-11-29T00:00:00Z"`) {
		t.Errorf("statements %v", said)
	}
	if _, err := w.find(t, digest).Verify(t.Context(), w.policy(attest.PredicateVulnerabilities), time.Now()); err != nil {
		t.Error(err)
	}
	result.Vulnerabilities = []advisory.Hit{{ID: "GHSA-1", Severity: advisory.High, Package: inventory.Package{URL: "pkg:npm/a@1"}}}
	must(t, k.Scanned(t.Context(), result, at, at, true))
	if said := w.statements(t, digest)[attest.PredicateVulnerabilities]; len(said) != 1 || !strings.Contains(said[0], "GHSA-1") {
		t.Errorf("statements %v", said)
	}

	// A scan that could not look everything up is no proof.
	result.Database = &advisory.Database{Ecosystems: []string{"npm"}, Updated: at, Missing: []string{"Debian"}}
	must(t, k.Scanned(t.Context(), result, at, at, true))
	_, err := w.find(t, digest).Verify(t.Context(), w.policy(attest.PredicateVulnerabilities), time.Now())
	if err == nil || !strings.Contains(err.Error(), "the scan had no advisories for Debian") {
		t.Errorf("the error is %v", err)
	}
}

// TestAnotherProgramsScanIsNoStatementOfSlipway, also when gates asked for it.
func TestAnotherProgramsScanIsNoStatementOfSlipway(t *testing.T) {
	w := newWorld(t)
	made := w.made(t).Built.Result
	foreign, empty := ran(testreport.Passed, made.Digest), ran(testreport.Passed, made.Digest)
	foreign.ScannedBy = "grype"
	empty.Database = &advisory.Database{} // no package was there to look up
	for _, s := range []gate.Subject{foreign, empty} {
		must(t, evidence.Keeper{Store: w.store, Signer: w.key, Version: "v1"}.Tested(t.Context(), "shop/web:latest", made, s, true))
	}
	said := w.statements(t, "tmp:1")
	if len(said[attest.PredicateVulnerabilities]) != 0 || len(said[attest.PredicateTests]) != 1 {
		t.Errorf("statements %v", said)
	}
}

func TestNothingIsSignedUnseen(t *testing.T) {
	w := newWorld(t)
	digest := w.put(t, "shop/web:latest").Image.Digest
	must(t, os.Remove(filepath.Join(w.store.Dir(), "blobs", digest.Algorithm, digest.Hex)))
	_, err := evidence.Stored(t.Context(), w.store, "shop/web:latest")
	if err == nil || !strings.HasPrefix(err.Error(), "the image shop/web:latest is not complete: ") || !strings.Contains(err.Error(), "its manifest "+digest.String()) || diag.HintOf(err) == "" {
		t.Errorf("%v, %s", err, diag.HintOf(err))
	}
}
