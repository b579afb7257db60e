package fingerprint_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/fingerprint"
	"github.com/slipway-build/slipway/internal/fingerprint/disk"
)

const benchDockerfile = `FROM slipway/node:22-trixie-toolchain AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci
FROM dependencies AS builder
COPY . .
RUN npm run build && mkdir -p /out/app && cp -r dist /out/app
FROM slipway/node:22-trixie AS production
COPY <<'EOT' /etc/passwd
root:x:0:0:root:/root:/sbin/nologin
EOT
COPY --link --from=builder /out/app/ /app/
USER 1001
CMD ["node", "/app/dist/index.js"]
`

// fleet writes services of 50 files into a git repository.
func fleet(tb testing.TB, services int) string {
	tb.Helper()
	root := tb.TempDir()
	for s := range services {
		for f := range 50 {
			name := filepath.Join(root, fmt.Sprintf("service-%04d/src/part%d/file%d.ts", s, f%5, f))
			if f < 4 {
				name = filepath.Join(root, fmt.Sprintf("service-%04d/%s", s, []string{"package.json", "package-lock.json", "tsconfig.json", "README.md"}[f]))
			}
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				tb.Fatal(err)
			}
			if err := os.WriteFile(name, fmt.Appendf(nil, "export const n = %d // %d\n", s, f), 0o644); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return root
}

func input(tb testing.TB, dir string, cache *fingerprint.Cache) fingerprint.Input {
	tb.Helper()
	tree, err := disk.Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	digest := "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	return fingerprint.Input{
		Context: tree, Dockerfile: []byte(benchDockerfile), GitModes: true, Cache: cache,
		Ignore: []string{"node_modules", "**/node_modules", ".git", "*.md", "dist", "**/*.log", ".env*"},
		Bases:  map[string]string{"slipway/node:22-trixie": digest, "slipway/node:22-trixie-toolchain": digest},
	}
}

// walk fingerprints every service on two workers, and returns the keys.
func walk(tb testing.TB, root string, services int, cache *fingerprint.Cache) []string {
	tb.Helper()
	keys := make([]string, services)
	var wg sync.WaitGroup
	for worker := range 2 {
		wg.Go(func() {
			for s := worker; s < services; s += 2 {
				p, err := fingerprint.Of(context.Background(), input(tb, filepath.Join(root, fmt.Sprintf("service-%04d", s)), cache))
				if err != nil {
					tb.Error(err)
				}
				keys[s] = p.Key
			}
		})
	}
	wg.Wait()
	return keys
}

// BenchmarkUnchangedFleet is the goal of 1,000 services of 50 files: it loads
// the cache, walks all, and compares. BenchmarkGitStatus is its measure.
func BenchmarkUnchangedFleet(b *testing.B) {
	const services = 1000
	root := fleet(b, services)
	cache := fingerprint.NewCache(time.Now().Add(time.Hour)) // as if written an hour ago
	want := walk(b, root, services, cache)
	var file bytes.Buffer
	if err := cache.Encode(&file); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(file.Len()), "cache-bytes")
	b.ReportAllocs()
	for b.Loop() {
		cache, err := fingerprint.DecodeCache(file.Bytes(), time.Now())
		if err != nil {
			b.Fatal(err)
		}
		for i, k := range walk(b, root, services, cache) {
			if k != want[i] {
				b.Fatal("a fingerprint changed")
			}
		}
	}
}

func BenchmarkDecodeCache(b *testing.B) {
	root := fleet(b, 1000)
	cache := fingerprint.NewCache(time.Now().Add(time.Hour))
	walk(b, root, 1000, cache)
	var file bytes.Buffer
	if err := cache.Encode(&file); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := fingerprint.DecodeCache(file.Bytes(), time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGitStatus(b *testing.B) {
	root := fleet(b, 1000)
	git := func(args ...string) {
		if out, err := exec.Command("git", append([]string{"-C", root, "-c", "user.name=a", "-c", "user.email=a@b.example"}, args...)...).CombinedOutput(); err != nil {
			b.Skipf("%v: %s", err, out)
		}
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-qm", "all")
	for b.Loop() {
		git("status", "--porcelain")
	}
}
