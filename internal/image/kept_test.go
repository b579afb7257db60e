package image

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/httplimit"
	"github.com/slipway-build/slipway/internal/retry"
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

// One wrong answer is not the last word; a registry that stays with it is refused.
func TestAManifestIsSentAgainAfterAWrongAnswer(t *testing.T) {
	const manifest = `{"schemaVersion":2}`
	for wrong, want := range map[int]error{1: nil, 9: &keptOther{}} {
		sent := 0
		r := &retrying{now: time.Now, sink: event.Discard{},
			policy: retry.Policy{Attempts: 3, Sleep: func(context.Context, time.Duration) error { return nil }},
			inner: confirmed{roundTripper(func(*http.Request) (*http.Response, error) {
				named := digest.FromString(manifest)
				if sent++; sent <= wrong {
					named = digest.FromString("other")
				}
				return &http.Response{StatusCode: http.StatusCreated, Header: http.Header{"Docker-Content-Digest": {named.String()}}, Body: io.NopCloser(strings.NewReader(""))}, nil
			})}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://registry.example/v2/web/manifests/v1", strings.NewReader(manifest))
		if err != nil {
			t.Fatal(err)
		}
		res, err := r.RoundTrip(req)
		var other *keptOther
		if errors.As(err, &other) != (want != nil) || sent != min(wrong+1, 3) {
			t.Errorf("%d wrong answers: sent %d times: %v", wrong, sent, err)
		}
		if err == nil {
			_ = res.Body.Close()
		}
	}
}

// A registry that says nothing to a manifest is asked once more, and no more.
func TestAManifestIsSentAgainAfterSilence(t *testing.T) {
	for silent, want := range map[int]int{1: 2, 9: 2} {
		sent := 0
		r := &retrying{now: time.Now, sink: event.Discard{},
			policy: retry.Policy{Attempts: 6, Sleep: func(context.Context, time.Duration) error { return nil }},
			inner: roundTripper(func(*http.Request) (*http.Response, error) {
				if sent++; sent <= silent {
					return nil, &httplimit.Silent{Host: "registry.example", For: time.Second}
				}
				return &http.Response{StatusCode: http.StatusCreated, Body: io.NopCloser(strings.NewReader(""))}, nil
			})}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://registry.example/v2/web/manifests/v1", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := r.RoundTrip(req)
		if sent != want || (err == nil) != (silent < want) {
			t.Errorf("silent %d times: sent %d times: %v", silent, sent, err)
		}
		if err == nil {
			_ = res.Body.Close()
		}
	}
}
