package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRequestsAreCountedByImage(t *testing.T) {
	r := requests{
		ping:                                    2,
		"HEAD /v2/fleet/a/manifests/bench":      1,
		"HEAD /v2/fleet/b/manifests/bench":      1,
		"POST /v2/fleet/b/blobs/uploads/":       2,
		"GET /v2/fleet/manifests/manifests/tag": 1,
	}
	if most, images := r.most(); most != 3 || images != 3 {
		t.Errorf("%d requests at most for %d images, want 3 for 3", most, images)
	}
	if got, want := r.String(), "1 × GET, 2 × GET /v2/, 2 × HEAD, 2 × POST"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestCountingHandsRequestsOn(t *testing.T) {
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	defer registry.Close()
	c, err := startCounting(strings.TrimPrefix(registry.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	ask := func() {
		t.Helper()
		resp, err := http.Head("http://" + c.address + "/v2/fleet/a/manifests/bench")
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusTeapot {
			t.Errorf("status %d, %v", resp.StatusCode, err)
		}
	}
	ask()
	c.forget()
	ask()
	if most, images := c.requests().most(); most != 1 || images != 1 {
		t.Errorf("%d requests at most for %d images, want 1 for 1", most, images)
	}
}
