package proxy_test

import (
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/deploy/proxy"
)

// BenchmarkProxy compares requests a second and latencies with the upstream alone, a
// bare httputil.ReverseProxy, and nginx where it is installed. 32 clients, answers of
// 1 KB; SLIPWAY_BENCH_LOG=1 adds the access log.
func BenchmarkProxy(b *testing.B) {
	text := strings.Repeat("x", 1024)
	up := serve(b, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, text) })
	b.Run("upstream", func(b *testing.B) { load(b, "http://"+up+"/") })
	b.Run("bare", func(b *testing.B) {
		at, err := url.Parse("http://" + up)
		must(b, err)
		load(b, "http://"+serve(b, (&httputil.ReverseProxy{
			Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(at); r.SetXForwarded() },
			Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true},
		}).ServeHTTP)+"/")
	})
	b.Run("slipway", func(b *testing.B) {
		o := proxy.Options{}
		if os.Getenv("SLIPWAY_BENCH_LOG") != "" {
			o.AccessLog = io.Discard
		}
		load(b, newWebWith(b, o, proxy.ServiceOptions{}, proxy.ListenerOptions{}, up).url("/"))
	})
	b.Run("nginx", func(b *testing.B) { load(b, "http://"+nginx(b, up)+"/") })
}

// load sends b.N requests from 32 clients.
func load(b *testing.B, url string) {
	const clients = 32
	c := client(b, nil)
	took := make([]time.Duration, b.N)
	next := make(chan int, clients)
	var all sync.WaitGroup
	b.ResetTimer()
	for range clients {
		all.Go(func() {
			for i := range next {
				began := time.Now()
				res, _, err := try(b.Context(), c, "GET", url, "")
				if took[i] = time.Since(began); err != nil || res.StatusCode != 200 {
					b.Errorf("%v %v", res, err)
				}
			}
		})
	}
	for i := range b.N {
		next <- i
	}
	close(next)
	all.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	b.ReportMetric(float64(took[b.N/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[b.N*99/100].Microseconds()), "p99-µs")
}

// nginx starts one in front of an upstream, as one process, with connections that stay
// open on both sides.
func nginx(b *testing.B, up string) string {
	program, err := exec.LookPath("nginx")
	if err != nil {
		b.Skip("nginx is not installed")
	}
	dir, addr := b.TempDir(), dead(b)
	config := `daemon off; master_process off; pid nginx.pid; error_log stderr crit; events { worker_connections 1024; }
http { access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
upstream up { server ` + up + `; keepalive 256; } keepalive_requests 1000000;
server { listen ` + addr + `; location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; } } }`
	must(b, os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(config), 0o600))
	cmd := exec.CommandContext(b.Context(), program, "-p", dir, "-c", "nginx.conf")
	cmd.Stderr = os.Stderr
	must(b, cmd.Start())
	b.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	c := client(b, nil)
	until(b, "nginx", func() bool {
		_, _, err := try(b.Context(), c, "GET", "http://"+addr+"/", "")
		return err == nil
	})
	return addr
}
