package kubernetes

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// version of Kubernetes, as kc/go.mod requires it.
const version = "v1.37.2"

// Build compiles the programs of Kubernetes into one, unless the cache has it, and returns
// its path.
func Build(ctx context.Context, o Options) (string, error) {
	source, err := sourceDir(ctx)
	if err != nil {
		return "", err
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	goVersion, err := exec.CommandContext(ctx, "go", "env", "GOVERSION").Output()
	if err != nil {
		return "", fmt.Errorf("asking for the version of Go: %w", err)
	}
	kc := filepath.Join(source, "kc")
	minor := strings.Split(version, ".")
	flags := "-s -w -X k8s.io/component-base/version.gitVersion=" + version +
		" -X k8s.io/component-base/version.gitMajor=" + strings.TrimPrefix(minor[0], "v") + " -X k8s.io/component-base/version.gitMinor=" + minor[1]
	digest, err := digestOf(string(goVersion)+flags, filepath.Join(kc, "go.mod"), filepath.Join(kc, "go.sum"), filepath.Join(kc, "main.go"))
	if err != nil {
		return "", err
	}
	return made(ctx, filepath.Join(cache, "kubernetes-"+digest), func(to string) error {
		fmt.Fprintf(o.Log, "compiling Kubernetes %s, which takes ten minutes of two cores, once\n", version)
		return compile(ctx, kc, to, []string{"CGO_ENABLED=1"}, "-ldflags", flags)
	})
}

// compile compiles the program of a directory, with additions to the environment.
func compile(ctx context.Context, dir, to string, env []string, flags ...string) error {
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"build", "-trimpath", "-o", to}, flags...), ".")...)
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "GOWORK=off", "GOFLAGS="), env...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	if err := cmd.Run(); err != nil {
		text := problems.String()
		return fmt.Errorf("compiling %s: %w: %s", dir, err, text[max(0, len(text)-2000):])
	}
	return nil
}

// made returns a path of the cache; what is not there is made. Others wait meanwhile.
func made(ctx context.Context, path string, do func(to string) error) (string, error) {
	lock := flock.New(path + ".lock")
	if err := lock.Lock(); err != nil {
		return "", err
	}
	defer lock.Unlock() //nolint:errcheck // the end of the process does it, too
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	half := path + ".half"
	if err := os.RemoveAll(half); err != nil {
		return "", err
	}
	if err := do(half); err != nil {
		return "", errors.Join(err, os.RemoveAll(half))
	}
	return path, os.Rename(half, path)
}

// cacheDir is where what takes long is kept, outside of the checkout.
func cacheDir() (string, error) {
	dir := os.Getenv("SLIPWAY_TEST_CACHE")
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(user, "slipway-test")
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// sourceDir is test/cluster of the checkout.
func sourceDir(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("looking for the checkout: %w", err)
	}
	dir := filepath.Join(filepath.Dir(strings.TrimSpace(string(out))), "test", "cluster")
	if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("this is no checkout of Slipway: %w", err)
	}
	return dir, nil
}

func digestOf(text string, files ...string) (string, error) {
	sum := sha256.New()
	sum.Write([]byte(text))
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return "", err
		}
		sum.Write(data)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}
