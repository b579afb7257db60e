package evidence_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/slipway-build/slipway/internal/evidence"
	"github.com/slipway-build/slipway/internal/gate/attest"
)

// putIndex keeps an image of two platforms in the store.
func (w world) putIndex(t *testing.T, name string) *evidence.Subject {
	t.Helper()
	var index v1.ImageIndex = empty.Index
	for _, architecture := range []string{"amd64", "arm64"} {
		img, err := random.Image(300, 1)
		must(t, err)
		config, err := img.ConfigFile()
		must(t, err)
		config.OS, config.Architecture = "linux", architecture
		img, err = mutate.ConfigFile(img, config)
		must(t, err)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}}})
	}
	_, err := w.store.Write(t.Context(), name, index)
	must(t, err)
	return w.find(t, name)
}

// proven checks the evidence of an index of which each image has an SBOM.
func (w world) proven(t *testing.T, s *evidence.Subject) {
	t.Helper()
	v, err := s.Verify(t.Context(), w.policy(attest.PredicateProvenance, attest.PredicateCycloneDX), time.Now())
	must(t, err)
	var got []string
	for _, one := range v.Platforms {
		for _, e := range one.Evidence {
			if e.Type != "signature" {
				got = append(got, one.Called()+": "+e.Type+" by "+e.By+e.Refused)
			}
		}
	}
	if diff := cmp.Diff([]string{s.Name + " for linux/amd64: cyclonedx by release.key", s.Name + " for linux/arm64: cyclonedx by release.key"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// An index has an SBOM of each of its images. They go where it goes, and count together
// where a policy wants one.
func TestEvidenceOfAnIndex(t *testing.T) {
	for name, options := range map[string][]registry.Option{
		"registry with referrers":    {registry.WithReferrersSupport(true)},
		"registry without referrers": nil,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options...)
			s := w.putIndex(t, "shop/web:v1")
			made := w.made(t)
			made.Job.Image, made.Built.Result.Digest = "shop/web:v1", s.Digest()
			made.Built.Result.MediaType, made.Built.Result.SizeBytes = string(s.Image.MediaType), s.Image.Size
			a := evidence.Attester{Store: w.store, Provenance: true, Signer: w.key, Version: "v1", Root: t.TempDir()}
			must(t, a.Attest(t.Context(), made))
			w.proven(t, w.find(t, "shop/web:v1"))
			platforms, err := w.find(t, "shop/web:v1").Platforms(t.Context())
			must(t, err)
			for _, one := range platforms {
				for _, item := range one.Items {
					if item.Predicate == attest.PredicateCycloneDX && !strings.Contains(string(item.Payload), one.Digest()) {
						t.Errorf("the SBOM of %s is about another image: %s", one.Called(), item.Payload)
					}
				}
			}
			remote := w.host + "/shop/web:v1"
			must(t, w.registry.Push(t.Context(), "shop/web:v1", remote))
			r, err := evidence.InRegistry(t.Context(), w.registry, remote)
			must(t, err)
			w.proven(t, r)
			done, err := r.Sign(t.Context(), w.key)
			if err != nil || done.Image || len(done.Statements) > 0 {
				t.Errorf("signed again: %+v, %v", done, err)
			}
		})
	}
}

// One image without the statement is refused, and so is one whose statement nobody signed.
func TestAnIndexOfWhichOneImageLacksItsStatement(t *testing.T) {
	w := newWorld(t)
	s := w.putIndex(t, "shop/web:v1")
	platforms, err := s.Platforms(t.Context())
	must(t, err)
	policy := w.policy(attest.PredicateCycloneDX)
	must(t, platforms[0].Keep(t.Context(), attest.PredicateCycloneDX, map[string]string{"bomFormat": "CycloneDX"}))
	_, err = s.Sign(t.Context(), w.key)
	must(t, err)
	_, err = s.Verify(t.Context(), policy, time.Now())
	refused(t, err, "no valid statement cyclonedx: linux/arm64: there is none", "")
	must(t, platforms[1].Keep(t.Context(), attest.PredicateCycloneDX, map[string]string{"bomFormat": "CycloneDX"}))
	_, err = s.Verify(t.Context(), policy, time.Now())
	refused(t, err, "no valid statement cyclonedx: linux/arm64: it is not signed", "")
	done, err := s.Sign(t.Context(), w.key)
	must(t, err)
	if diff := cmp.Diff([]string{attest.PredicateCycloneDX}, done.Statements); diff != "" {
		t.Errorf("signed (-want +got)\n%s", diff)
	}
	_, err = s.Verify(t.Context(), policy, time.Now())
	must(t, err)

	// What is said of the index itself is not outvoted by its images.
	must(t, s.Keep(t.Context(), attest.PredicateTests, map[string]string{"result": "FAILED"}))
	for _, one := range platforms {
		must(t, one.Keep(t.Context(), attest.PredicateTests, map[string]string{"result": "PASSED"}))
	}
	_, err = s.Sign(t.Context(), w.key)
	must(t, err)
	_, err = s.Verify(t.Context(), w.policy(attest.PredicateTests), time.Now())
	refused(t, err, "no valid statement tests: it says that tests failed", "")
}
