package state

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/image"
)

// Images opens the local image store.
func (d Dir) Images(sink event.Sink) (*image.Store, error) {
	store, err := image.Open(d.ImageDir(), image.WithSink(sink))
	if err == nil {
		d.Narrow() // it may have been made just now, in a directory that was there
	} else if refusal := d.ExplainOwner(err); refusal != err { //nolint:errorlint // the same value, or another
		return nil, refusal
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.ENOTDIR) {
		return nil, diag.Fail(diag.ExitUsage, "cannot use the state directory %s", d.Path).Because(err).
			WithHint("set SLIPWAY_STATE_DIR to a writable directory")
	}
	return store, err
}

// Tagger lets the pipeline name what the engine wrote into the store.
type Tagger struct {
	*image.Store
	By string // the repository that chooses the names; empty: a person
}

// Tag implements pipeline.Images.
func (t Tagger) Tag(ctx context.Context, name string, built engine.Result) error {
	digest, err := v1.NewHash(built.Digest)
	if err != nil {
		return err
	}
	if has, err := t.Resolve(ctx, name); err == nil && has.Digest == digest {
		if by := has.Annotations[image.NamedBy]; by == "" || by == t.By {
			return nil
		}
	}
	desc := v1.Descriptor{MediaType: types.MediaType(built.MediaType), Digest: digest, Size: built.SizeBytes}
	if t.By != "" {
		desc.Annotations = map[string]string{image.NamedBy: t.By}
	}
	return t.Store.Tag(ctx, name, desc)
}
