package image

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/slipway-build/slipway/internal/diag"
)

// maxBeside bounds what is read beside an image: a registry may list anything.
const maxBeside = 500

// besideTags are the suffixes of tags that hold something beside an image (cosign).
func besideTags() []string { return []string{"sig", "att"} }

// sendBeside sends what the store keeps beside an image and its platforms.
func (p *Pusher) sendBeside(ctx context.Context, a Artifact, repo name.Repository) error {
	digest, err := a.Digest()
	if err != nil {
		return err
	}
	images := []v1.Hash{digest}
	if index, ok := a.(v1.ImageIndex); ok {
		manifest, err := index.IndexManifest()
		if err != nil {
			return err
		}
		for _, m := range manifest.Manifests {
			images = append(images, m.Digest)
		}
	}
	for _, image := range images {
		beside, err := p.store.Beside(image)
		if err == nil {
			err = p.putBeside(ctx, repo, image, beside)
		}
		if err != nil {
			return fmt.Errorf("sending its evidence: %w", err)
		}
	}
	return nil
}

// PushBeside sends manifests to be kept beside an image that a registry has.
func (p *Pusher) PushBeside(ctx context.Context, reference string, image v1.Hash, add []Beside) error {
	ref, err := p.reference(reference)
	if err != nil {
		return err
	}
	p.bound.push(ref.Context().RegistryStr())
	if err := p.putBeside(ctx, ref.Context(), image, add); err != nil {
		return p.explain(ctx, reference, ref, err)
	}
	return nil
}

// putBeside sends manifests one by one: each changes the same list where the registry
// does not keep lists itself (distribution-spec 1.1, "Referrers Tag Schema"). The last of
// two writers would win, so an image that is pushed under two names waits for itself.
func (p *Pusher) putBeside(ctx context.Context, repo name.Repository, image v1.Hash, add []Beside) error {
	if len(add) == 0 {
		return nil
	}
	lock, _ := p.lists.LoadOrStore(repo.Name()+" "+image.String(), &sync.Mutex{})
	lock.(*sync.Mutex).Lock()
	defer lock.(*sync.Mutex).Unlock()
	for _, b := range add {
		if b.Image == nil {
			continue // of which the store lost a part; it is not there for others either
		}
		digest, err := b.Digest()
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if b.Tag == "" {
			err = p.remote.Push(ctx, repo.Digest(digest.String()), b.Image)
		} else {
			err = p.merge(ctx, repo.Tag(besideTag(image, b.Tag)), b.Image)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func besideTag(image v1.Hash, suffix string) string {
	return image.Algorithm + "-" + image.Hex + "." + suffix
}

// merge adds the parts of a manifest to what a tag holds: those of others stay.
func (p *Pusher) merge(ctx context.Context, tag name.Tag, add v1.Image) error {
	there, err := p.puller.Get(ctx, tag)
	if status(err) == http.StatusNotFound {
		return p.remote.Push(ctx, tag, add)
	}
	if err != nil {
		return err
	}
	img, err := there.Image()
	if err != nil {
		return err
	}
	has, err := img.Manifest()
	if err != nil {
		return err
	}
	wants, err := add.Manifest()
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, l := range has.Layers {
		known[part(l)] = true
	}
	var missing []mutate.Addendum
	for _, l := range wants.Layers {
		if known[part(l)] {
			continue
		}
		layer, err := add.LayerByDigest(l.Digest)
		if err != nil {
			return err
		}
		missing = append(missing, mutate.Addendum{Layer: layer, Annotations: l.Annotations, MediaType: l.MediaType})
	}
	if len(missing) == 0 {
		return nil
	}
	if len(has.Layers)+len(missing) > maxBeside {
		return diag.Fail(diag.ExitUnexpected, "the tag %s already has %d parts", tag, len(has.Layers)).WithHint("remove old ones, such as with cosign clean")
	}
	if img, err = mutate.Append(img, missing...); err != nil {
		return err
	}
	return p.remote.Push(ctx, tag, img)
}

// part tells parts of a tag apart: signatures of one payload differ in an annotation.
func part(d v1.Descriptor) string {
	return d.Digest.String() + " " + d.Annotations["dev.cosignproject.cosign/signature"]
}

// Remote finds an image in its registry, and what lies beside it there of the wanted
// artifact types.
func (p *Pusher) Remote(ctx context.Context, reference string, wanted func(artifactType string) bool) (v1.Descriptor, []Beside, error) {
	ref, err := p.reference(reference)
	if err != nil {
		return v1.Descriptor{}, nil, err
	}
	p.bound.push(ref.Context().RegistryStr())
	desc, beside, err := p.remoteBeside(ctx, ref, wanted)
	if status(err) == http.StatusNotFound {
		return desc, nil, notFound{diag.Fail(diag.ExitUsage, "the registry has no image %s", shown(reference)).WithHint("check the name, or push it: slipway push")}
	}
	if err != nil {
		return desc, nil, p.reading(p.explain(ctx, reference, ref, err))
	}
	return desc, beside, nil
}

// PlatformsOf is that of the store for an index that Remote found.
func (p *Pusher) PlatformsOf(ctx context.Context, reference string, desc v1.Descriptor) ([]v1.Descriptor, error) {
	if !desc.MediaType.IsIndex() {
		return nil, nil
	}
	ref, err := p.reference(reference)
	if err != nil {
		return nil, err
	}
	got, err := p.puller.Get(ctx, ref.Context().Digest(desc.Digest.String()))
	if err != nil {
		return nil, p.reading(p.explain(ctx, reference, ref, err))
	}
	index, err := got.ImageIndex()
	if err != nil {
		return nil, err
	}
	return platformsIn(index)
}

func (p *Pusher) remoteBeside(ctx context.Context, ref name.Reference, wanted func(string) bool) (v1.Descriptor, []Beside, error) {
	got, err := p.puller.Get(ctx, ref) // compares the content with the digest
	if err != nil {
		return v1.Descriptor{}, nil, err
	}
	desc := v1.Descriptor{MediaType: got.MediaType, Digest: got.Digest, Size: got.Size}
	var beside []Beside
	for _, suffix := range besideTags() {
		tagged, err := p.puller.Get(ctx, ref.Context().Tag(besideTag(desc.Digest, suffix)))
		if status(err) == http.StatusNotFound {
			continue
		}
		if err != nil {
			return desc, nil, err
		}
		img, err := tagged.Image()
		if err != nil {
			return desc, nil, err
		}
		beside = append(beside, Beside{Image: img, Tag: suffix})
	}
	list, err := remote.Referrers(ref.Context().Digest(desc.Digest.String()), remote.Reuse(p.puller), remote.WithContext(ctx))
	if err != nil {
		return desc, nil, err
	}
	manifest, err := list.IndexManifest()
	if err != nil {
		return desc, nil, err
	}
	for _, m := range manifest.Manifests {
		if !wanted(m.ArtifactType) {
			continue
		}
		if len(beside) == maxBeside {
			return desc, nil, diag.Fail(diag.ExitUnexpected, "the registry lists more than %d pieces of evidence of %s", maxBeside, ref).WithHint("remove old ones, such as with cosign clean or oras manifest delete")
		}
		got, err := p.puller.Get(ctx, ref.Context().Digest(m.Digest.String()))
		if status(err) == http.StatusNotFound {
			continue // removed meanwhile
		}
		if err != nil {
			return desc, nil, err
		}
		img, err := got.Image()
		if err != nil {
			return desc, nil, err
		}
		beside = append(beside, Beside{Image: img})
	}
	return desc, beside, nil
}

// reference reads the name of an image in a registry.
func (p *Pusher) reference(text string) (name.Reference, error) {
	options := []name.Option{name.WeakValidation}
	if p.opts.Insecure {
		options = append(options, name.Insecure)
	}
	ref, err := name.ParseReference(text, options...)
	if err != nil {
		return nil, diag.Fail(diag.ExitUsage, "%q is not an image name", redact(text)).
			WithHint("write registry/name:tag in lower case, such as localhost:5000/shop/web:v1")
	}
	return ref, nil
}

// reading makes the explanation of a failed push one of a failed reading.
func (p *Pusher) reading(err error) error {
	f := (*diag.Failure)(nil)
	if !errors.As(err, &f) {
		return err
	}
	if _, rest, ok := strings.Cut(f.Text, "pushing "); ok {
		f.Text = "reading evidence of " + rest
		f.Hint = strings.NewReplacer("push with", "use", "push again", "try again", "permission to push", "permission to read", "or push without", "or read without").Replace(f.Hint)
	}
	return f
}

// status is the answer of a registry that an error is about; 0: none.
func status(err error) int {
	if e := (*transport.Error)(nil); errors.As(err, &e) {
		return e.StatusCode
	}
	return 0
}
