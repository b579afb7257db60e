package state

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/proof"
	"github.com/slipway-build/slipway/internal/proof/layer"
	"github.com/slipway-build/slipway/internal/repository"
)

// Prover checks images of the store.
type Prover struct{ Store *image.Store }

// Prove implements pipeline.Prover: every platform of an image is checked, and
// what is true of all is said once.
func (p Prover) Prove(ctx context.Context, job pipeline.Job, built engine.Result) (diag.Findings, error) {
	digest, err := v1.NewHash(built.Digest)
	if err != nil {
		return nil, err
	}
	images, err := p.Store.ImagesOf(v1.Descriptor{MediaType: types.MediaType(built.MediaType), Digest: digest, Size: built.SizeBytes})
	if err != nil {
		return nil, err
	}
	var all diag.Findings
	seen := map[diag.Finding]bool{}
	for _, img := range images {
		subject, err := p.subject(ctx, job, img)
		if err != nil {
			return nil, err
		}
		for _, f := range proof.Check(subject) {
			if !seen[f] {
				seen[f] = true
				all = append(all, f)
			}
		}
	}
	return all, nil
}

// subject gathers what the rules look at.
func (p Prover) subject(ctx context.Context, job pipeline.Job, img v1.Image) (proof.Subject, error) {
	config, err := img.ConfigFile()
	if err != nil {
		return proof.Subject{}, fmt.Errorf("reading the configuration: %w", err)
	}
	layers, err := p.Store.Contents(ctx, img)
	if err != nil {
		return proof.Subject{}, err
	}
	c := config.Config
	s := proof.Subject{
		Layers: layers, Architecture: config.Architecture, Service: job.Service, Wanted: job.Wanted,
		Sources: repository.FS(job.Request.Context), Dockerfile: job.Request.Dockerfile,
		Config: proof.Config{User: c.User, Entrypoint: c.Entrypoint, Cmd: c.Cmd, Env: c.Env, WorkDir: c.WorkingDir},
	}
	if c.Healthcheck != nil {
		s.Config.Health = c.Healthcheck.Test
	}
	return s, nil
}

// keepContents keeps what a layer holds while the engine writes it. An index that
// cannot be kept is made again when it is asked for.
func keepContents(store *image.Store) func(string, *layer.Index) {
	return func(digest string, x *layer.Index) {
		if h, err := v1.NewHash(digest); err == nil {
			_ = store.KeepContent(h, x)
		}
	}
}
