package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/slipway-build/slipway/bench/peer"
)

// counting stands in front of a registry and counts what it is asked.
type counting struct {
	address string
	server  *http.Server

	mu    sync.Mutex
	asked map[string]int // by method and path
}

// startCounting listens on loopback; stop it.
func startCounting(registry string) (*counting, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: registry})
	c := &counting{address: listener.Addr().String(), asked: map[string]int{}}
	c.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.asked[r.Method+" "+r.URL.Path]++
		c.mu.Unlock()
		proxy.ServeHTTP(w, r)
	})}
	go func() { _ = c.server.Serve(listener) }() // until stop
	return c, nil
}

func (c *counting) stop() { _ = c.server.Close() }

// forget starts counting anew.
func (c *counting) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.asked)
}

// requests returns what was asked since forget.
func (c *counting) requests() requests {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.asked)
}

// requests are counts by method and path.
type requests map[string]int

// ping is how a client finds out whether it must log in. It is about no image.
const ping = "GET /v2/"

// most returns the highest number of requests about one image, whatever they
// were, and the number of images.
func (r requests) most() (most, images int) {
	perImage := map[string]int{}
	for request, n := range r {
		if request != ping {
			perImage[repositoryOf(request)] += n
		}
	}
	for _, n := range perImage {
		most = max(most, n)
	}
	return most, len(perImage)
}

// repositoryOf takes the repository out of "HEAD /v2/fleet/web/manifests/latest".
func repositoryOf(request string) string {
	_, path, _ := strings.Cut(request, " /v2/")
	for _, kind := range []string{"/manifests/", "/blobs/", "/tags/", "/referrers/"} {
		if name, _, ok := strings.Cut(path, kind); ok {
			return name
		}
	}
	return path
}

// String counts the requests by method.
func (r requests) String() string {
	methods := map[string]int{}
	for request, n := range r {
		method, _, _ := strings.Cut(request, " ")
		if request == ping {
			method = ping
		}
		methods[method] += n
	}
	var words []string
	for _, m := range slices.Sorted(maps.Keys(methods)) {
		words = append(words, fmt.Sprintf("%d × %s", methods[m], m))
	}
	return strings.Join(words, ", ")
}

// countRequests pushes the built fleet twice and counts what the registry is
// asked the second time, when nothing changed.
func (s *slipwaySide) countRequests(ctx context.Context) (Figure, error) {
	front, err := startCounting(s.registry.address)
	if err != nil {
		return Figure{}, err
	}
	defer front.stop()
	args := append([]string{"build", "--tag", tag, "--registry", front.address, "--push"}, s.b.extra...)
	for range 2 {
		front.forget()
		if _, err := peer.Execute(ctx, s.b.slipwayCommand(s.f.sources, s.state, args...)); err != nil {
			return Figure{}, err
		}
	}
	asked := front.requests()
	most, images := asked.most()
	if images != len(s.f.services) {
		return Figure{}, fmt.Errorf("a push of %d unchanged images asked about %d: %s", len(s.f.services), images, asked)
	}
	return atMost("requests for an image at a push of the unchanged fleet", 1, float64(most), "",
		fmt.Sprintf("%d images: %s", images, asked)), nil
}
