package image

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
)

// confirmed compares the digest that a registry answers to a manifest with that of
// the manifest (distribution-spec, "Pushing Manifests"). A registry need not name one.
type confirmed struct{ inner http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (c confirmed) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := c.inner.RoundTrip(req)
	if err != nil || req.Method != http.MethodPut || !strings.Contains(req.URL.Path, "/manifests/") || res.StatusCode/100 != 2 {
		return res, err
	}
	named := digest.Digest(res.Header.Get("Docker-Content-Digest"))
	if named == "" || req.GetBody == nil || named.Validate() != nil {
		return res, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return res, nil
	}
	defer body.Close()
	sum := named.Algorithm().Digester()
	if _, err := io.Copy(sum.Hash(), body); err != nil || sum.Digest() == named {
		return res, nil
	}
	_ = res.Body.Close()
	return nil, &keptOther{host: req.URL.Host, sent: sum.Digest(), kept: named}
}

// keptOther reports that a registry answered with another digest. The manifest is sent
// again, because a registry or a proxy may give one wrong answer.
type keptOther struct {
	host       string
	sent, kept digest.Digest
}

func (e *keptOther) Error() string {
	return fmt.Sprintf("%s kept something else than it was sent: the manifest has the digest %s, and it answers %s", e.host, e.sent, e.kept)
}
