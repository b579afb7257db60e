package evidence

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/gate/attest"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/inventory"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/repository"
	"github.com/slipway-build/slipway/internal/sbom"
	"github.com/slipway-build/slipway/internal/scan"
)

// Attester keeps the provenance and SBOM of images that are built, and signs them. It is a
// pipeline.Attester.
type Attester struct {
	Store      *image.Store
	Provenance bool   // keep it, and an SBOM
	Signer     Signer // nil: nothing is signed
	Version    string // of Slipway
	Root       string // directory of slipway.yaml
	URL        string // that the sources were fetched from; empty: what their git repository says
}

// Attest implements pipeline.Attester. An image that an earlier command built keeps the
// provenance that it has; without one, it gets one that leaves the times out.
func (a Attester) Attest(ctx context.Context, made pipeline.Made) error {
	digest, err := v1.NewHash(made.Built.Result.Digest)
	if err != nil {
		return err
	}
	desc := v1.Descriptor{MediaType: types.MediaType(made.Built.Result.MediaType), Digest: digest, Size: made.Built.Result.SizeBytes}
	subject, err := OfStored(a.Store, made.Job.Image, desc)
	if err != nil {
		return err
	}
	if a.Provenance && !(made.Built.Unchanged && subject.Has(attest.PredicateProvenance)) {
		if err := subject.Keep(ctx, attest.PredicateProvenance, attest.Provenance(a.build(made))); err != nil {
			return err
		}
	}
	if a.Provenance {
		if err := a.keepSBOMs(ctx, subject, made); err != nil {
			return err
		}
	}
	if a.Signer != nil {
		_, err = subject.Sign(ctx, a.Signer)
	}
	return err
}

// keepSBOMs keeps the list of the packages of an image. An index has none of its own: each
// of its images has one.
func (a Attester) keepSBOMs(ctx context.Context, subject *Subject, made pipeline.Made) error {
	images, err := subject.Platforms(ctx)
	if err != nil {
		return err
	}
	if !subject.Image.MediaType.IsIndex() {
		images = []*Subject{subject}
	}
	for _, one := range images {
		if made.Built.Unchanged && one.Has(attest.PredicateCycloneDX) {
			continue
		}
		if err := a.keepSBOM(ctx, one, made); err != nil {
			return err
		}
	}
	return nil
}

// keepSBOM is keepSBOMs of one image.
func (a Attester) keepSBOM(ctx context.Context, subject *Subject, made pipeline.Made) error {
	content, err := scan.Open(ctx, a.Store, subject.Digest(), "")
	if err != nil {
		return err
	}
	var crates []inventory.Package // no program of Rust lists its own
	if slices.ContainsFunc(made.Job.Bases, func(b plan.Base) bool { return strings.Contains(b.Ref, "rust") }) {
		crates = inventory.Crates(repository.FS(made.Job.Request.Context), ".")
	}
	data, err := sbom.CycloneDX(sbom.Image{
		Name: made.Job.Image, Digest: content.Digest, Platform: content.Platform, Created: content.Created, Version: a.Version,
	}, content.Inventory(crates))
	if err != nil {
		return err
	}
	return subject.Keep(ctx, attest.PredicateCycloneDX, json.RawMessage(data))
}

// build is what a job says of its build.
func (a Attester) build(made pipeline.Made) attest.Build {
	req := made.Job.Request
	b := attest.Build{
		Version: a.Version, Service: req.Name, Target: req.Target, Platforms: req.Platforms, Args: req.Args,
		Dockerfile: sum(req.Dockerfile), Inputs: made.Fingerprint, Bases: req.Bases,
	}
	for _, s := range req.Secrets {
		b.Secrets = append(b.Secrets, s.ID)
	}
	if lock, err := repository.ReadFile(a.Root, "slipway.lock"); err == nil {
		b.Lock = sum(lock)
	}
	tree := repository.Root(a.Root)
	if commit := repository.Head(tree); commit != "" {
		b.Source = attest.Source{URL: cmp.Or(a.URL, repository.Origin(tree)), Commit: commit}
	}
	if !made.Built.Unchanged {
		b.Started, b.Finished = made.Started, made.Finished
	}
	return b
}

func sum(text []byte) string {
	s := sha256.Sum256(text)
	return hex.EncodeToString(s[:])
}
