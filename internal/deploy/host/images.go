package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/diag"
)

// Images is the store that a host starts images from, and the one that they come from.
type Images interface {
	Missing(ctx context.Context, blobs []v1.Hash) ([]v1.Hash, error)
	Receive(ctx context.Context, want v1.Hash, r io.Reader) error
	Tag(ctx context.Context, name string, desc v1.Descriptor) error
}

// Source is the store of the machine that deploys.
type Source interface {
	Resolve(ctx context.Context, name string) (v1.Descriptor, error)
	Reach(desc v1.Descriptor) ([]v1.Descriptor, error)
	OpenBlob(h v1.Hash) (*os.File, error)
}

// mostBlob bounds a blob that a host takes, in bytes.
const mostBlob = 64 << 30

// imageHandlers take images without a registry.
func (h *Host) imageHandlers(mux *http.ServeMux) {
	mux.HandleFunc("PUT /v1/blobs/{digest}", func(w http.ResponseWriter, r *http.Request) {
		want, err := v1.NewHash(r.PathValue("digest"))
		if err == nil {
			err = h.opts.Images.Receive(r.Context(), want, http.MaxBytesReader(w, r.Body, mostBlob))
		}
		reply(w, nil, err)
	})
}

// Send brings an image to the host under a name: only the blobs that it lacks. It returns
// how many bytes went.
func (c *Client) Send(ctx context.Context, from Source, image, name string) (int64, error) {
	desc, err := from.Resolve(ctx, image)
	if err != nil {
		return 0, err
	}
	all, err := from.Reach(desc)
	if err != nil {
		return 0, err
	}
	q := Question{}
	sizes := map[v1.Hash]int64{}
	for _, d := range all {
		q.Blobs = append(q.Blobs, d.Digest)
		sizes[d.Digest] = d.Size
	}
	var missing []v1.Hash
	if err := c.ask(ctx, "missing", q, &missing); err != nil {
		return 0, err
	}
	sent := int64(0)
	for _, h := range missing {
		if err := c.put(ctx, from, h, sizes[h]); err != nil {
			return sent, err
		}
		sent += sizes[h]
	}
	return sent, c.ask(ctx, "name", Question{Image: name, Descriptor: &desc}, nil)
}

// put sends one blob.
func (c *Client) put(ctx context.Context, from Source, h v1.Hash, size int64) error {
	f, err := from.OpenBlob(h)
	if err != nil {
		return err
	}
	defer f.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://host/v1/blobs/"+h.String(), f)
	if err != nil {
		return err
	}
	req.ContentLength = size
	res, err := c.http.Do(req)
	if err != nil {
		return c.silent(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, mostAsked))
	if err != nil || res.StatusCode == http.StatusOK {
		return err
	}
	return c.refused(res, body)
}

// refused is the error that a host answered.
func (c *Client) refused(res *http.Response, body []byte) error {
	var t trouble
	if err := json.Unmarshal(body, &t); err != nil || t.Text == "" {
		return diag.Fail(diag.ExitRun, "%s answered %s", c.what, res.Status)
	}
	f := diag.Fail(t.Exit, "%s", diag.Printable(t.Text))
	f.Hint = diag.Printable(t.Hint)
	if c.far {
		return diag.Fail(t.Exit, "%s", c.what).Because(diag.Elsewhere{Err: f})
	}
	return f
}

// silent is the error of a host that does not answer.
func (c *Client) silent(err error) error {
	if asked := (*url.Error)(nil); errors.As(err, &asked) {
		err = asked.Err // the address is made up
	}
	return diag.Fail(diag.ExitRun, "%s does not answer", c.what).Because(fmt.Errorf("%w%s", err, c.said())).WithHint("%s", c.hint)
}
