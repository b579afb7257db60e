package image

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

func TestARegistryThatNamesAnotherDigestIsRefused(t *testing.T) {
	const manifest = `{"schemaVersion":2}`
	for named, refused := range map[string]bool{
		digest.FromString(manifest).String():        false,
		digest.FromString("other").String():         true,
		digest.SHA512.FromString(manifest).String(): false,
		digest.SHA512.FromString("other").String():  true,
		"":         false,
		"sha256:x": false,
	} {
		for method, counts := range map[string]bool{http.MethodPut: true, http.MethodHead: false} {
			c := confirmed{roundTripper(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusCreated, Header: http.Header{"Docker-Content-Digest": {named}}, Body: io.NopCloser(strings.NewReader(""))}, nil
			})}
			req, err := http.NewRequestWithContext(t.Context(), method, "https://registry.example/v2/web/manifests/v1", strings.NewReader(manifest))
			if err != nil {
				t.Fatal(err)
			}
			if res, err := c.RoundTrip(req); (err != nil) != (refused && counts) {
				t.Errorf("%s %q: %v", method, named, err)
			} else if err == nil {
				_ = res.Body.Close()
			}
		}
	}
}
