package evidence_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/slipway-build/slipway/internal/evidence"
	"github.com/slipway-build/slipway/internal/gate/attest"
)

// peer runs a program of others, where this machine has it.
func (w world) peer(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "COSIGN_PASSWORD=CANARY-password", "COSIGN_YES=true", "HOME="+w.dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Errorf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, &out)
	}
	return out.String()
}

// cosigns are the versions of cosign to compare with: SLIPWAY_COSIGN lists programs.
func cosigns(t *testing.T) []string {
	t.Helper()
	list := strings.Fields(os.Getenv("SLIPWAY_COSIGN"))
	if found, err := exec.LookPath("cosign"); err == nil && len(list) == 0 {
		list = []string{found}
	}
	if len(list) == 0 {
		t.Skip("cosign is not installed; SLIPWAY_COSIGN may name it: go install github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3, or v2@v2.6.5")
	}
	return list
}

func TestCosignAcceptsOurSignatures(t *testing.T) {
	for _, cosign := range cosigns(t) {
		w := newWorld(t, registry.WithReferrersSupport(true))
		s := w.signed(t, "shop/web:v1")
		remote := w.host + "/shop/web:v1"
		must(t, w.registry.Push(t.Context(), "shop/web:v1", remote))
		public, err := w.key.PublicPEM()
		must(t, err)
		must(t, os.WriteFile(filepath.Join(w.dir, "release.pub"), public, 0o600))
		common := []string{"--key", "release.pub", "--insecure-ignore-tlog", remote}
		for _, form := range [][]string{nil, {"--experimental-oci11"}} {
			if out := w.peer(t, cosign, append(append([]string{"verify"}, form...), common...)...); !strings.Contains(out, s.Digest()) {
				t.Errorf("%s names another image:\n%s", form, out)
			}
		}
		for _, kind := range []string{"cyclonedx", "slsaprovenance1"} {
			w.peer(t, cosign, append([]string{"verify-attestation", "--type", kind}, common...)...)
		}
	}
}

func TestSignaturesOfCosignCount(t *testing.T) {
	for _, cosign := range cosigns(t) {
		w := newWorld(t, registry.WithReferrersSupport(true))
		w.put(t, "shop/web:v1")
		remote := w.host + "/shop/web:v1"
		must(t, w.registry.Push(t.Context(), "shop/web:v1", remote))
		w.peer(t, cosign, "generate-key-pair")
		must(t, os.WriteFile(filepath.Join(w.dir, "scan.json"), []byte(`{"scanner":{"uri":"x"}}`), 0o600))
		offline := []string{"--key", "cosign.key", "--tlog-upload=false"}
		if help := w.peer(t, cosign, "sign", "--help"); strings.Contains(help, "use-signing-config") {
			offline = append(offline, "--use-signing-config=false")
		}
		w.peer(t, cosign, append(append([]string{"sign"}, offline...), remote)...)
		w.peer(t, cosign, append(append([]string{"attest", "--type", attest.PredicateVulnerabilities, "--predicate", "scan.json"}, offline...), remote)...)
		keys, err := w.keys.Public([]string{"cosign.pub"})
		must(t, err)
		s, err := evidence.InRegistry(t.Context(), w.registry, remote)
		must(t, err)
		if len(s.Problems) > 0 {
			t.Error(s.Problems)
		}
		_, err = s.Verify(t.Context(), evidence.Policy{Keys: keys, Required: []string{attest.PredicateVulnerabilities}}, time.Now())
		must(t, err)
		// Our password variable opens a key that cosign made.
		if _, err := w.keys.Private("cosign.key"); err != nil {
			t.Error(err)
		}
	}
}

// What tools for registries find and copy is everything.
func TestEvidenceIsFoundAndCopiedByOthers(t *testing.T) {
	oras, err := exec.LookPath("oras")
	if named := os.Getenv("SLIPWAY_ORAS"); named != "" {
		oras, err = named, nil
	}
	skopeo, noSkopeo := exec.LookPath("skopeo")
	if err != nil && noSkopeo != nil {
		t.Skip("neither oras nor skopeo is installed; SLIPWAY_ORAS may name the first: go install oras.land/oras/cmd/oras@v1.3.6")
	}
	w := newWorld(t) // whose list of evidence is a tag, with the types of all
	s := w.signed(t, "shop/web:v1")
	remote := w.host + "/shop/web:v1"
	must(t, w.registry.Push(t.Context(), "shop/web:v1", remote))
	copied := func(t *testing.T, to string) {
		t.Helper()
		r, err := evidence.InRegistry(t.Context(), w.registry, to)
		must(t, err)
		_, err = r.Verify(t.Context(), w.policy(attest.PredicateProvenance, attest.PredicateCycloneDX), time.Now())
		must(t, err)
	}
	t.Run("oras", func(t *testing.T) {
		if err != nil {
			t.Skip("oras is not installed")
		}
		if out := w.peer(t, oras, "discover", "--plain-http", remote); strings.Count(out, "application/vnd.dsse.envelope.v1+json") != 1 || !strings.Contains(out, attest.PredicateProvenance) {
			t.Errorf("oras finds\n%s", out)
		}
		to := w.host + "/copy/web:v1"
		w.peer(t, oras, "copy", "--recursive", "--from-plain-http", "--to-plain-http", remote, to)
		copied(t, to)
	})
	t.Run("skopeo", func(t *testing.T) {
		if noSkopeo != nil {
			t.Skip("skopeo is not installed")
		}
		tag := strings.Replace(s.Digest(), ":", "-", 1)
		for from, to := range map[string]string{"v1": "v1", tag + ".sig": tag + ".sig", tag + ".att": tag + ".att"} {
			w.peer(t, skopeo, "--insecure-policy", "copy", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false",
				"docker://"+w.host+"/shop/web:"+from, "docker://"+w.host+"/mirror/web:"+to)
		}
		copied(t, w.host+"/mirror/web:v1")
	})
}
