package image

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/httplimit"
	"github.com/slipway-build/slipway/internal/retry"
)

// PushOptions say how to reach registries. The zero value uses the credentials
// of the Docker configuration file and TLS, except to this machine.
type PushOptions struct {
	User, Password string // for Registry alone; empty: the Docker configuration file's
	Registry       string // that User and Password belong to; empty: no registry gets them
	Insecure       bool   // accept any certificate, and plain HTTP
	Parallel       int    // uploads of one image at once; 0: 4
	Sink           event.Sink
}

// Pusher sends images of a store to registries. What several images have in
// common is sent once: the first one uploads it, the others mount it from there.
// It is safe for concurrent use and meant for one command.
type Pusher struct {
	store       *Store
	opts        PushOptions
	credentials credentials
	remote      *remote.Pusher
	puller      *remote.Puller
	retry       *retrying
	bound       *bound

	lists sync.Map // *sync.Mutex of what lies beside an image, by repository and digest

	mu      sync.Mutex
	uploads map[string]*upload // by registry and digest
}

// upload is a blob on its way to a registry, or there.
type upload struct {
	done chan struct{}
	repo name.Repository // that has it; only valid when ok
	ok   bool
}

// NewPusher makes a Pusher for the images of a store.
func NewPusher(store *Store, opts PushOptions) (*Pusher, error) {
	if opts.Sink == nil {
		opts.Sink = event.Discard{}
	}
	if opts.Parallel <= 0 {
		opts.Parallel = 4
	}
	keys, err := newCredentials(opts)
	if err != nil {
		return nil, err
	}
	limits := httplimit.Default()
	limits.Answer, limits.Bytes = 2*time.Minute, 64<<20 // manifests, tokens, errors
	p := &Pusher{store: store, opts: opts, credentials: keys, uploads: map[string]*upload{}}
	p.bound = &bound{inner: httplimit.New(baseTransport(opts.Insecure), limits)}
	p.retry = &retrying{
		inner:     confirmed{p.bound},
		policy:    retry.Policy{Attempts: 6, Total: 3 * time.Minute, First: 500 * time.Millisecond, Longest: 15 * time.Second},
		plainHTTP: opts.Insecure,
		sink:      opts.Sink,
		now:       time.Now,
	}
	never := func(error) bool { return false }
	options := []remote.Option{
		remote.WithAuthFromKeychain(keys), remote.WithTransport(&greetings{inner: p.retry}), remote.WithJobs(opts.Parallel),
		remote.WithUserAgent("slipway"), remote.WithRetryStatusCodes(), remote.WithRetryPredicate(never),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}),
	}
	if p.puller, err = remote.NewPuller(options...); err != nil {
		return nil, err
	}
	p.remote, err = remote.NewPusher(options...)
	return p, err
}

func baseTransport(insecure bool) http.RoundTripper {
	t := remote.DefaultTransport.(*http.Transport).Clone()
	if insecure {
		t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // what --insecure asks for
	}
	return t
}

// Push sends the image that a local name stands for, with all its platforms, to
// a reference such as "registry.example/shop/web:v1", and what lies beside it. What
// the registry has is not sent again. Errors are for the person and hold no credentials.
func (p *Pusher) Push(ctx context.Context, local, destination string) error {
	artifact, err := p.store.Artifact(ctx, local)
	if err != nil {
		return err
	}
	ref, err := p.reference(destination)
	if err != nil {
		return err
	}
	p.bound.push(ref.Context().RegistryStr())
	job := &push{Pusher: p, ctx: ctx, repo: ref.Context(), what: shown(destination)}
	switch a := artifact.(type) {
	case v1.ImageIndex:
		err = p.remote.Push(ctx, ref, &uploadingIndex{a, job})
	case v1.Image:
		err = p.remote.Push(ctx, ref, &uploadingImage{a, job})
	}
	if err == nil {
		err = p.sendBeside(ctx, artifact, ref.Context())
	}
	if err != nil {
		return p.explain(ctx, local, ref, err)
	}
	job.report(true)
	return nil
}

// push is one image on its way.
type push struct {
	*Pusher
	ctx         context.Context
	repo        name.Repository
	what        string
	sent, total atomic.Int64
	reported    atomic.Int64
}

// uploadingImage uploads its layers and config when remote.Pusher asks for them, which it
// does only when the registry does not have the manifest.
type uploadingImage struct {
	v1.Image
	push *push
}

func (i *uploadingImage) Layers() ([]v1.Layer, error) {
	layers, err := i.Image.Layers()
	if err != nil {
		return nil, err
	}
	config, err := partial.ConfigLayer(i.Image)
	if err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(i.push.ctx)
	group.SetLimit(i.push.opts.Parallel)
	for _, l := range append(slices.Clone(layers), config) {
		size, err := l.Size()
		if err != nil {
			return nil, err
		}
		i.push.total.Add(size)
		group.Go(func() error { return i.push.upload(ctx, l, size) })
	}
	return layers, group.Wait()
}

type uploadingIndex struct {
	index // v1.ImageIndex under a name that does not hide its method ImageIndex
	push  *push
}

type index = v1.ImageIndex

var _ v1.ImageIndex = (*uploadingIndex)(nil)

func (x *uploadingIndex) Image(h v1.Hash) (v1.Image, error) {
	img, err := x.index.Image(h)
	if err != nil {
		return nil, err
	}
	return &uploadingImage{img, x.push}, nil
}

// upload brings one layer into the repository: by finding it there, by mounting
// it from where this Pusher put it before, or by sending it.
func (p *push) upload(ctx context.Context, layer v1.Layer, size int64) error {
	digest, err := layer.Digest()
	if err != nil {
		return err
	}
	key := p.repo.RegistryStr() + " " + digest.String()
	for {
		p.mu.Lock()
		other := p.uploads[key]
		if other == nil {
			mine := &upload{done: make(chan struct{}), repo: p.repo}
			p.uploads[key] = mine
			p.mu.Unlock()
			err := p.send(ctx, layer, size)
			p.finish(key, mine, err)
			return err
		}
		p.mu.Unlock()
		select {
		case <-other.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if other.ok {
			return p.send(ctx, &remote.MountableLayer{Layer: layer, Reference: other.repo.Digest(digest.String())}, size)
		}
	}
}

// finish tells the waiting pushes how an upload ended; one of them takes over
// when it failed.
func (p *push) finish(key string, u *upload, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if u.ok = err == nil; !u.ok {
		delete(p.uploads, key)
	}
	close(u.done)
}

// send uploads a layer, and starts over when the upload breaks.
func (p *push) send(ctx context.Context, layer v1.Layer, size int64) error {
	counted := &countedLayer{Layer: layer, push: p}
	var target v1.Layer = counted
	if m, ok := layer.(*remote.MountableLayer); ok {
		counted.Layer = m.Layer
		target = &remote.MountableLayer{Layer: counted, Reference: m.Reference}
	}
	policy, silences := p.retry.policy, 0
	policy.Total = 0 // each request has its own limit
	policy.If = func(err error) bool {
		if errors.As(err, new(*httplimit.Silent)) {
			silences++
			return silences == 1 // waiting is its own limit
		}
		return brokenUpload(err)
	}
	return policy.Do(ctx, func(ctx context.Context) error {
		err := p.remote.Upload(ctx, p.repo, target)
		p.sent.Add(-counted.sent.Swap(0))
		if err == nil {
			p.sent.Add(size)
			p.report(false)
		}
		return err
	})
}

// brokenUpload tells whether an upload may work when it starts over.
func brokenUpload(err error) bool {
	if e := (*exhausted)(nil); errors.As(err, &e) {
		return e.attempts == 1 && e.status != http.StatusTooManyRequests
	}
	if e := (*transport.Error)(nil); errors.As(err, &e) {
		for _, d := range e.Errors {
			if d.Code == transport.BlobUploadInvalidErrorCode || d.Code == transport.BlobUploadUnknownErrorCode {
				return true
			}
		}
		return e.StatusCode == http.StatusRequestedRangeNotSatisfiable
	}
	return temporary(0, err)
}

// countedLayer counts the bytes of a layer that are sent.
type countedLayer struct {
	v1.Layer
	push *push
	sent atomic.Int64
}

func (l *countedLayer) Compressed() (io.ReadCloser, error) {
	l.push.sent.Add(-l.sent.Swap(0))
	content, err := l.Layer.Compressed()
	return &countedReader{content, l}, err
}

type countedReader struct {
	io.ReadCloser
	layer *countedLayer
}

func (r *countedReader) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b)
	r.layer.sent.Add(int64(n))
	r.layer.push.sent.Add(int64(n))
	r.layer.push.report(false)
	return n, err
}

// reportEvery is how many bytes pass between two progress events.
const reportEvery = 256 << 10

// report emits the progress of the image, not at every read.
func (p *push) report(done bool) {
	sent := p.sent.Load()
	if last := p.reported.Load(); !done && sent < last+reportEvery && sent >= last {
		return
	}
	p.reported.Store(sent)
	p.opts.Sink.Emit(event.Transfer{What: "push " + p.what, Current: sent, Total: p.total.Load(), Done: done})
}
