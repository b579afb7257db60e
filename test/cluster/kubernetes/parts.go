package kubernetes

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/xi2/xz"
)

// parts are the programs of a cluster, all outside of its directory.
type parts struct {
	kubernetes string // all programs of Kubernetes in one
	bin        string // directory of etcd and containerd
	ctr        string
	cni        string // directory of the network plugins
	runc       string
	pause      string // archive of the image of sandboxes
	holder     string // program that holds namespaces
}

// suite of Debian whose packages are recent enough for this Kubernetes.
const suite = "trixie"

// gather finds the parts, and makes or fetches those that the cache lacks.
func gather(ctx context.Context, o Options) (p parts, err error) {
	if p.kubernetes, err = Build(ctx, o); err != nil {
		return p, err
	}
	debian, err := packages(ctx)
	if err != nil {
		return p, err
	}
	p.bin, p.cni = filepath.Join(debian, "usr", "bin"), filepath.Join(debian, "usr", "lib", "cni")
	p.ctr = filepath.Join(p.bin, "ctr")
	if p.runc, err = runc(ctx); err != nil {
		return p, err
	}
	if p.holder, err = Program(ctx, "pause"); err != nil {
		return p, err
	}
	p.pause, err = pause(ctx, p.holder)
	return p, err
}

// packages unpacks etcd, containerd and the network plugins of Debian, without installing
// them.
func packages(ctx context.Context) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	return made(ctx, filepath.Join(cache, "debian-"+suite), func(to string) error {
		apt, err := aptFor(ctx, to+".apt")
		if err != nil {
			return err
		}
		defer os.RemoveAll(to + ".apt")
		debs := filepath.Join(to+".apt", "debs")
		if err := os.MkdirAll(debs, 0o755); err != nil {
			return err
		}
		if err := output(ctx, append(apt, "update")...); err != nil {
			return err
		}
		fetch := exec.CommandContext(ctx, apt[0], append(apt[1:], "download", "etcd-server", "containerd", "containernetworking-plugins")...)
		fetch.Dir = debs
		if out, err := fetch.CombinedOutput(); err != nil {
			return fmt.Errorf("fetching packages of %s: %w: %s", suite, err, out)
		}
		files, err := filepath.Glob(filepath.Join(debs, "*.deb"))
		if err != nil || len(files) != 3 {
			return errors.Join(err, fmt.Errorf("%d packages came, and 3 were asked for", len(files)))
		}
		for _, f := range files {
			if err := output(ctx, "dpkg", "-x", f, to); err != nil {
				return err
			}
		}
		return nil
	})
}

// aptFor is apt-get with files of its own, for the suite at the mirror of this machine.
func aptFor(ctx context.Context, dir string) ([]string, error) {
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return nil, err
	}
	own := ""
	for line := range strings.Lines(string(release)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); ok {
			own = name
		}
	}
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages").Output()
	if err != nil {
		return nil, fmt.Errorf("asking apt for the mirror of this machine: %w", err)
	}
	mirror := ""
	for line := range strings.Lines(string(out)) {
		if name, uri, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == own && mirror == "" {
			mirror = uri
		}
	}
	if mirror == "" {
		return nil, fmt.Errorf("apt knows no mirror of %s here; add one to /etc/apt/sources.list.d, then: apt-get update", own)
	}
	for _, d := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	source := fmt.Sprintf("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n", mirror, suite)
	files := map[string]string{"sources.list": source, "status": ""}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	set := func(name, value string) string { return "-o" + name + "=" + filepath.Join(dir, value) }
	return []string{
		"apt-get", "-qq", set("Dir::Etc::SourceList", "sources.list"), "-oDir::Etc::SourceParts=/dev/null", set("Dir::State::Lists", "lists"),
		set("Dir::State::Status", "status"), set("Dir::Cache", "cache"), "-oAPT::Sandbox::User=root",
	}, nil
}

// runc is the one of Slipway: of scripts/real.sh, or packed in the checkout.
func runc(ctx context.Context) (string, error) {
	if at := os.Getenv("SLIPWAY_RUNC"); at != "" {
		return at, nil
	}
	source, err := sourceDir(ctx)
	if err != nil {
		return "", err
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	packed := filepath.Join(source, "..", "..", "internal", "assets", "bin", "runc-linux-"+runtime.GOARCH+".xz")
	digest, err := digestOf("", packed)
	if err != nil {
		return "", fmt.Errorf("there is no runc: make build makes it: %w", err)
	}
	return made(ctx, filepath.Join(cache, "runc-"+digest), func(to string) error { return unpack(packed, to) })
}

func unpack(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	z, err := xz.NewReader(bufio.NewReader(in), 0)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, z)
	return err
}

// pause is an archive of the image that holds the namespaces of pods.
func pause(ctx context.Context, program string) (string, error) {
	return made(ctx, program+".tar", func(to string) error {
		img, err := Image(program, "/pause")
		if err != nil {
			return err
		}
		return archive(to, pauseImage, img)
	})
}

// Program compiles one of the small programs beside this package, unless the cache has it.
func Program(ctx context.Context, name string) (string, error) {
	source, err := sourceDir(ctx)
	if err != nil {
		return "", err
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	digest, err := digestOf("", filepath.Join(source, name, "main.go"))
	if err != nil {
		return "", err
	}
	return made(ctx, filepath.Join(cache, name+"-"+digest), func(to string) error {
		return compile(ctx, filepath.Join(source, name), to, []string{"CGO_ENABLED=0"}, "-ldflags=-s -w")
	})
}
