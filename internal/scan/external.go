package scan

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/plaintext"
)

// Scanners are the installed programs that can take the place of slipway's own search,
// with their arguments; "{layout}" is a directory with the image as an OCI layout, and
// "{archive}" the same as a tar. Any other program is named by its command.
func Scanners() map[string][]string {
	return map[string][]string{
		"grype": {"grype", "oci-dir:{layout}", "--output", "json", "--quiet"},
		"trivy": {"trivy", "image", "--input", "{layout}", "--format", "json", "--quiet"},
		"snyk":  {"snyk", "container", "test", "oci-archive:{archive}", "--json"},
		"clair": {"clair-action", "report", "--image-path", "{archive}", "--format", "sarif"},
	}
}

// maxOutput is how much of what a scanner prints is read.
const maxOutput = 512 << 20

// External scans an image of the store with an installed program: one of Scanners, or a
// command. Secrets are slipway's own finds, and those of the program.
func External(ctx context.Context, store *image.Store, s Subject, scanner string, vex []advisory.VEX) (Result, error) {
	words := Scanners()[scanner]
	if words == nil {
		words = strings.Fields(scanner)
	}
	if len(words) == 0 {
		return Result{}, diag.Fail(diag.ExitUsage, "no scanner specified").WithHint("--scanner grype, trivy, snyk, clair, or a command")
	}
	dir, err := os.MkdirTemp(filepath.Join(store.Dir(), "tmp"), "scan-") // cleared like the store's own
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(dir)
	words, err = laid(ctx, store, s, words, dir)
	if err != nil {
		return Result{}, err
	}
	data, err := output(ctx, words)
	if err != nil {
		return Result{}, err
	}
	r := Result{Image: s.Name, Digest: s.Digest, Scanner: scanner, Secrets: s.Secrets(), Unsearched: s.Unsearched()}
	list := s.Inventory(nil)
	r.Packages = len(list.Packages)
	err = r.read(data)
	if r.Database != nil {
		r.Database.Ecosystems = ecosystemsOf(list) // the scanner answers for them
		if len(r.Database.Ecosystems) == 0 {
			r.Database.Ecosystems = advisory.Ecosystems()
		}
	}
	r.dismiss(vex)
	if err != nil {
		return Result{}, diag.Fail(diag.ExitUnexpected, "the output of %s cannot be used", words[0]).Because(err).
			WithHint("it prints SARIF, or the JSON of grype, trivy or snyk: run it yourself: %s", strings.Join(words, " "))
	}
	return r, nil
}

// laid writes the image in the forms that a command names, and fills their places in.
func laid(ctx context.Context, store *image.Store, s Subject, words []string, dir string) ([]string, error) {
	img, err := store.Image(ctx, s.Name, s.Platform)
	if err != nil {
		return nil, err
	}
	layout, archive := filepath.Join(dir, "layout"), filepath.Join(dir, "image.tar")
	if err := store.WriteLayout(ctx, img, s.Name, layout); err != nil {
		return nil, fmt.Errorf("writing the image for a scanner: %w", err)
	}
	if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, "{archive}") }) {
		if err := archived(layout, archive); err != nil {
			return nil, fmt.Errorf("writing the image for a scanner: %w", err)
		}
	}
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strings.NewReplacer("{layout}", layout, "{archive}", archive).Replace(w)
	}
	return out, nil
}

// archived packs a layout into a tar.
func archived(layout, to string) (err error) {
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w := tar.NewWriter(f)
	defer func() { err = errors.Join(err, w.Close(), f.Close()) }()
	return w.AddFS(os.DirFS(layout))
}

// output runs a scanner. Several end with an error when they find something, so that
// what they print counts, and their code where they print nothing.
func output(ctx context.Context, words []string) ([]byte, error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr = &limited{w: &out, left: maxOutput}, &limited{w: &errs, left: 64 << 10}
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return nil, diag.Fail(diag.ExitUsage, "the scanner %s is not installed", words[0]).WithHint("install it, or remove --scanner, SLIPWAY_SCANNER or scanner: in slipway.yaml: slipway searches by itself")
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case out.Len() == 0 && err == nil:
		return nil, diag.Fail(diag.ExitUnexpected, "the scanner %s printed nothing", words[0]).WithHint("it has to print SARIF or JSON to standard output")
	case out.Len() == 0:
		text := plaintext.WithoutLogins(strings.TrimSpace(errs.String()))
		return nil, diag.Fail(diag.ExitUnexpected, "the scanner %s failed", words[0]).Because(errors.Join(err, errors.New(text[max(0, len(text)-2000):])))
	}
	return out.Bytes(), nil
}

// limited writes so many bytes and refuses more.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		return 0, errors.New("the output of the scanner is too large")
	}
	l.left -= len(p)
	return l.w.Write(p)
}
