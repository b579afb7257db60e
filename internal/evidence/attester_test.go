package evidence_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/evidence"
	"github.com/slipway-build/slipway/internal/gate/attest"
	"github.com/slipway-build/slipway/internal/pipeline"
)

// made is a build whose image is in the store under no name yet.
func (w world) made(t *testing.T) pipeline.Made {
	t.Helper()
	s := w.put(t, "tmp:1")
	return pipeline.Made{
		Job: pipeline.Job{Image: "shop/web:latest", Request: engine.Request{
			Name: "web", Dockerfile: []byte("FROM scratch\n"), Platforms: []string{"linux/amd64"},
			Args:    map[string]string{"VERSION": "1.2.3", "NPM_TOKEN": "CANARY", "URL": "https://me:CANARY@host/x"},
			Secrets: []engine.Secret{{ID: "npm", Env: "CANARY_NAME"}, {ID: "ca", File: "/etc/CANARY"}},
			Bases:   map[string]string{"slipway/node:22": "sha256:" + strings.Repeat("1", 64)},
		}},
		Built:       pipeline.Built{Result: engine.Result{Digest: s.Digest(), MediaType: string(s.Image.MediaType), SizeBytes: s.Image.Size}},
		Fingerprint: "sha256:" + strings.Repeat("2", 64),
		Started:     time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC), Finished: time.Date(2026, 11, 29, 12, 1, 0, 0, time.UTC),
	}
}

// statements are those kept beside an image, by the type of their predicates.
func (w world) statements(t *testing.T, name string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, i := range w.find(t, name).Items {
		if !i.IsSignature() {
			out[i.Predicate] = append(out[i.Predicate], string(i.Payload))
		}
	}
	return out
}

func TestProvenanceOfABuild(t *testing.T) {
	w := newWorld(t)
	root := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(root, ".git", "refs", "heads"), 0o755))
	must(t, os.WriteFile(filepath.Join(root, ".git", "HEAD"), []byte("ref: refs/heads/main\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(root, ".git", "config"), []byte("[remote \"origin\"]\n\turl = https://me:CANARY@git.example/shop.git\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(root, ".git", "refs", "heads", "main"), []byte(strings.Repeat("a", 40)+"\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(root, "slipway.lock"), []byte("{}"), 0o600))
	made := w.made(t)
	a := evidence.Attester{Store: w.store, Provenance: true, Signer: w.key, Version: "v1", Root: root}
	must(t, a.Attest(t.Context(), made))
	kept := w.statements(t, "tmp:1")[attest.PredicateProvenance]
	if len(kept) != 1 {
		t.Fatalf("%d statements", len(kept))
	}
	if strings.Contains(kept[0], "CANARY") || !strings.Contains(kept[0], `"gitCommit":"`+strings.Repeat("a", 40)) || !strings.Contains(kept[0], `"uri":"git+https://git.example/shop.git"`) ||
		!strings.Contains(kept[0], `"VERSION":"1.2.3"`) || !strings.Contains(kept[0], `"argumentsWithoutValue":["NPM_TOKEN","URL"]`) || !strings.Contains(kept[0], `"slipway.lock"`) {
		t.Errorf("provenance %s", kept[0])
	}
	s, err := attest.ParseStatement([]byte(kept[0]))
	must(t, err)
	if diff := cmp.Diff([]attest.Descriptor{{Name: "shop/web", Digest: map[string]string{"sha256": strings.TrimPrefix(made.Built.Result.Digest, "sha256:")}}}, s.Subject); diff != "" {
		t.Errorf("subject (-want +got):\n%s", diff)
	}
	_, err = w.find(t, "tmp:1").Verify(t.Context(), w.policy(attest.PredicateProvenance, attest.PredicateCycloneDX), time.Now())
	must(t, err)
	if list := w.statements(t, "tmp:1")[attest.PredicateCycloneDX]; len(list) != 1 || !strings.Contains(list[0], `"bomFormat":"CycloneDX"`) || strings.Contains(list[0], "CANARY") {
		t.Errorf("SBOM %v", list)
	}

	// An unchanged image keeps what was said when it was built; a build says it anew.
	made.Built.Unchanged = true
	made.Started = made.Started.Add(time.Hour)
	must(t, a.Attest(t.Context(), made))
	if diff := cmp.Diff(kept, w.statements(t, "tmp:1")[attest.PredicateProvenance]); diff != "" {
		t.Errorf("an unchanged image (-want +got):\n%s", diff)
	}
	made.Built.Unchanged = false
	must(t, a.Attest(t.Context(), made))
	again := w.statements(t, "tmp:1")[attest.PredicateProvenance]
	if len(again) != 1 || !strings.Contains(again[0], "2026-11-29T13:00:00Z") {
		t.Errorf("a build made anew: %v", again)
	}
}

// Nobody knows when an image was built that an earlier command built without evidence.
func TestProvenanceOfAnUnchangedImage(t *testing.T) {
	w := newWorld(t)
	made := w.made(t)
	made.Built.Unchanged = true
	a := evidence.Attester{Store: w.store, Provenance: true, Version: "v1", Root: t.TempDir()}
	must(t, a.Attest(t.Context(), made))
	kept := w.statements(t, "tmp:1")[attest.PredicateProvenance]
	if len(kept) != 1 || strings.Contains(kept[0], "startedOn") || strings.Contains(kept[0], "gitCommit") || strings.Contains(kept[0], "slipway.lock") {
		t.Errorf("provenance %v", kept)
	}
	_, err := w.find(t, "tmp:1").Verify(t.Context(), w.policy(), time.Now())
	refused(t, err, "no valid signature", "")
}

func TestPolicyOfAFleet(t *testing.T) {
	w := newWorld(t)
	root := t.TempDir()
	text, err := w.key.PublicPEM()
	must(t, err)
	must(t, os.WriteFile(filepath.Join(root, "release.pub"), text, 0o600))
	w.keys.Lookup = func(name string) (string, bool) { return string(text), name == "RELEASE" }
	p, err := w.keys.Policy(root, &config.Signatures{Keys: []string{"release.pub", "env://RELEASE"}, Statements: []string{"tests", "https://example.com/x"}})
	must(t, err)
	if len(p.Keys) != 2 || p.Keys[0].ID() != w.key.ID() || p.Keys[1].ID() != w.key.ID() {
		t.Errorf("keys %v", p.Keys)
	}
	if diff := cmp.Diff([]string{attest.PredicateTests, "https://example.com/x"}, p.Required); diff != "" {
		t.Errorf("required (-want +got):\n%s", diff)
	}
	must(t, os.Symlink("/etc/hostname", filepath.Join(root, "out.pub")))
	for _, key := range []string{"lost.pub", "out.pub", "env://LOST"} {
		_, err := w.keys.Policy(root, &config.Signatures{Keys: []string{key}})
		if err == nil || !strings.HasPrefix(err.Error(), "cannot read the key "+key+" of signatures: in slipway.yaml") || diag.ExitOf(err) != diag.ExitUsage || diag.HintOf(err) == "" {
			t.Errorf("%s: %v, hint %q", key, err, diag.HintOf(err))
		}
	}
	for _, word := range config.StatementTypes() {
		if _, err := evidence.Predicate(word); err != nil {
			t.Errorf("slipway.yaml takes %q, which is no type: %v", word, err)
		}
	}
	if len(config.StatementTypes()) != len(attest.Types()) {
		t.Errorf("slipway.yaml takes %v, and there are %v", config.StatementTypes(), attest.Types())
	}
}

func TestGeneratedKeysAreNeverOverwritten(t *testing.T) {
	w := newWorld(t)
	private, public, err := w.keys.Generate("new")
	must(t, err)
	info, err := os.Stat(filepath.Join(w.dir, private))
	must(t, err)
	if info.Mode().Perm() != 0o600 || public != "new.pub" {
		t.Errorf("%s has mode %v", private, info.Mode())
	}
	must(t, os.Remove(filepath.Join(w.dir, private)))
	_, _, err = w.keys.Generate("new")
	if err == nil || err.Error() != "refusing to overwrite new.pub" {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(w.dir, private)); err == nil {
		t.Error("half a pair was written")
	}
	w.keys.Lookup = func(string) (string, bool) { return "", false }
	_, _, err = w.keys.Generate("other")
	if err == nil || err.Error() != "the new key has no password" || !strings.Contains(diag.HintOf(err), "SLIPWAY_KEY_PASSWORD") {
		t.Error(err)
	}
}
