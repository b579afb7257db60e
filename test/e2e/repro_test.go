package e2e

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/image"
)

// checkoutOf copies a tree as another person's checkout: another path, other
// times, and the modes of a umask that lets nobody else read.
func checkoutOf(t *testing.T, source string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "somewhere", "else")
	when := time.Date(2001, 2, 3, 4, 5, 6, 7, time.UTC)
	err := filepath.WalkDir(source, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(source, p)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, rel)
		if d.IsDir() {
			return os.MkdirAll(to, 0o700)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if err := os.WriteFile(to, data, info.Mode().Perm()&0o700); err != nil {
			return err
		}
		return os.Chtimes(to, when, when)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTwoMachinesBuildTheSameBits(t *testing.T) {
	builtFleet(t) // fills the package downloads, the one thing that both share
	flags := []string{"build", "--platform", "linux/amd64,linux/arm64"}
	one, other := emptyState(t), emptyState(t)

	first := invocation{dir: fast(), args: flags, env: []string{"SLIPWAY_STATE_DIR=" + one}}.start(t)
	r := invocation{dir: checkoutOf(t, fast()), args: append(flags, "--parallel", "5"), env: []string{
		"SLIPWAY_STATE_DIR=" + other, "TMPDIR=" + t.TempDir(), "GOMAXPROCS=3", "TZ=Pacific/Chatham", "LANG=tr_TR.UTF-8", "HOME=" + t.TempDir(),
	}}.run(t).must(t, 0)
	t.Logf("a build of another checkout with other processors, time zone and home: %v", r.took)
	r = first.end(t, 10*time.Minute).must(t, 0)
	t.Logf("the build of both platforms from empty state beside it: %v", r.took)

	ctx := context.Background()
	for _, service := range services {
		a, err := images(t, one).Resolve(ctx, fleetImage(service))
		if err != nil {
			t.Fatal(err)
		}
		b, err := images(t, other).Resolve(ctx, fleetImage(service))
		if err != nil {
			t.Fatal(err)
		}
		if a.Digest == b.Digest {
			continue
		}
		t.Errorf("%s: %s, then %s", service, a.Digest, b.Digest)
		for _, platform := range []string{"linux/amd64", "linux/arm64"} {
			t.Errorf("  %s: %s", platform, difference(t, stored(t, one, fleetImage(service), platform), stored(t, other, fleetImage(service), platform)))
		}
	}
}

// difference says what first makes two images different.
func difference(t *testing.T, a, b v1.Image) string {
	t.Helper()
	d, err := image.Diff(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if d == "" {
		return "the same image"
	}
	return d
}
