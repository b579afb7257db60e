package cli

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/terminal"
)

// destination is where --output sends the result of a build.
type destination struct {
	engine.Output
	word        string // that names a file or directory; empty: the image store
	load, push  bool
	name        string
	compression string
}

// applyOutputs reads --output in docker's terms: type=docker without a file is
// --load, type=registry is --push, and only one file or directory is written.
func (a *app) applyOutputs(f *buildFlags) error {
	for _, word := range f.outputs {
		d, err := a.parseOutput(word)
		if err != nil {
			return err
		}
		f.load, f.push = f.load || d.load, f.push || d.push
		if d.compression != "" {
			f.compression = d.compression
		}
		for _, name := range strings.Split(d.name, ",") {
			if name != "" {
				_ = tagFlag{&f.Tag, &f.tags}.Set(name)
			}
		}
		if d.Kind == engine.OutputStore {
			continue
		}
		if f.to.word != "" {
			return diag.Fail(diag.ExitUsage, "--output writes one file or directory, not %s and %s", f.to.word, word).
				WithHint("run slipway build once for each; the second build finds every step cached")
		}
		f.to = d
	}
	return nil
}

// parseOutput parses one --output.
func (a *app) parseOutput(word string) (destination, error) {
	d := destination{word: word}
	if word == "-" {
		return a.toStdout(d, engine.OutputTar)
	}
	if !strings.Contains(word, "=") {
		d.Output = engine.Output{Kind: engine.OutputLocal, Path: a.path(word)}
		return d, nil
	}
	fields, err := csv.NewReader(strings.NewReader(word)).Read()
	if err != nil {
		return d, badOutput(word)
	}
	kind, dest := "", ""
	for _, field := range fields {
		key, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch key {
		case "type":
			kind = value
		case "dest":
			dest = value
		case "name":
			d.name = value
		case "push":
			d.push = value == "true"
		case "compression":
			if !slices.Contains([]string{"gzip", "zstd"}, value) {
				return d, diag.Fail(diag.ExitUsage, "unknown compression %q of --output", value).WithHint("use gzip or zstd")
			}
			d.compression = value
		case "rewrite-timestamp", "oci-mediatypes", "unpack", "store", "force-compression": // as they always are
		default:
			return d, diag.Fail(diag.ExitUsage, "--output %s: %q is not supported", word, key).WithHint("use type, dest, name, push and compression")
		}
	}
	return a.outputOf(d, kind, dest)
}

// outputOf decides what a type and a file mean.
func (a *app) outputOf(d destination, kind, dest string) (destination, error) {
	kinds := map[string]engine.OutputKind{
		"local": engine.OutputLocal, "tar": engine.OutputTar, "oci": engine.OutputOCI, "docker": engine.OutputDocker,
		"image": engine.OutputStore, "registry": engine.OutputStore, "cacheonly": engine.OutputNone,
	}
	k, ok := kinds[kind]
	switch {
	case !ok:
		return d, badOutput(d.word)
	case kind == "docker" && dest == "":
		d.load = true
		return d, nil
	case k == engine.OutputStore || k == engine.OutputNone:
		if dest != "" {
			return d, badOutput(d.word)
		}
		d.push = d.push || kind == "registry"
		d.Output = engine.Output{Kind: k}
		return d, nil
	case dest == "-" || dest == "" && k != engine.OutputLocal:
		if k == engine.OutputLocal {
			return d, badOutput(d.word)
		}
		return a.toStdout(d, k)
	case dest == "":
		return d, badOutput(d.word)
	}
	d.Output = engine.Output{Kind: k, Path: a.path(dest)}
	return d, nil
}

// toStdout writes a file to standard output, unless people would see it.
func (a *app) toStdout(d destination, kind engine.OutputKind) (destination, error) {
	if f, ok := terminal.Under(a.Stdout).(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return d, diag.Fail(diag.ExitUsage, "--output %s would write an archive to the terminal", d.word).WithHint("redirect it: slipway build -o %s > FILE", d.word)
	}
	d.Output = engine.Output{Kind: kind, To: terminal.Under(a.Stdout)}
	return d, nil
}

func badOutput(s string) error {
	return diag.Fail(diag.ExitUsage, "invalid --output %q", s).
		WithHint("use --output type=local,dest=DIR, type=tar|oci|docker,dest=FILE, type=registry, or a directory")
}

// applyProgress chooses how progress is shown.
func (a *app) applyProgress(f *buildFlags) error {
	switch f.progress {
	case "auto", "plain", "tty", "quiet":
	case "none":
		f.progress = "quiet"
	case "rawjson":
		return diag.Fail(diag.ExitUsage, "--progress rawjson is not supported: Slipway has no stream of BuildKit's events").WithHint("--progress plain, or --trace FILE for the times of all steps as JSON")
	default:
		return diag.Fail(diag.ExitUsage, "unknown progress output %q", f.progress).WithHint("use auto, plain, tty or quiet")
	}
	if f.quiet {
		f.progress = "quiet"
	}
	a.progress = f.progress
	return nil
}

// onlyDirectory refuses flags that services of a fleet have no use for.
func (f *buildFlags) onlyDirectory() error {
	switch {
	case len(f.tags) > 0:
		return diag.Fail(diag.ExitUsage, "a fleet takes one tag, not %s and %s", f.Tag, strings.Join(f.tags, ", ")).WithHint("slipway push SERVICE --tag %s adds a tag in a registry", f.tags[0])
	case f.compression != "":
		return diag.Fail(diag.ExitUsage, "--output compression=%s applies to one directory", f.compression).WithHint("compression: %s in slipway.yaml", f.compression)
	}
	return nil
}

// onlyOne refuses files about one image when there are several.
func (f *buildFlags) onlyOne(jobs []pipeline.Job) error {
	for flag, path := range map[string]string{"iidfile": f.iidFile, "metadata-file": f.metadataFile} {
		if path != "" && len(jobs) != 1 {
			return diag.Fail(diag.ExitUsage, "--%s applies to one service, not to %d", flag, len(jobs)).WithHint("slipway build --%s %s SERVICE; --json prints all digests", flag, path)
		}
	}
	return nil
}

// writeIDs prints and writes the IDs of the images, as the flags ask.
func (a *app) writeIDs(ctx context.Context, store *image.Store, jobs []pipeline.Job, built []pipeline.Built, f buildFlags) error {
	if !f.quiet && f.iidFile == "" && f.metadataFile == "" {
		return nil
	}
	for i, b := range built {
		m, err := metadataOf(ctx, store, jobs[i], b)
		if err != nil {
			return err
		}
		id := m.Digest
		if f.load && m.Config != "" {
			id = m.Config
		}
		if f.quiet && id != "" {
			fmt.Fprintln(a.Stdout, id)
		}
		if f.iidFile != "" {
			if err := atomicfile.Write(a.path(f.iidFile), []byte(id), atomicfile.Options{}); err != nil {
				return diag.Fail(diag.ExitUsage, "the image ID cannot be written to %s", f.iidFile).Because(err)
			}
		}
		if f.metadataFile != "" {
			data, err := json.MarshalIndent(m, "", "  ")
			if err == nil {
				err = atomicfile.Write(a.path(f.metadataFile), append(data, '\n'), atomicfile.Options{})
			}
			if err != nil {
				return diag.Fail(diag.ExitUsage, "the metadata cannot be written to %s", f.metadataFile).Because(err)
			}
		}
	}
	return nil
}

// metadata is what buildx writes about an image, by its keys.
type metadata struct {
	Config     string      `json:"containerimage.config.digest,omitempty"`
	Descriptor *descriptor `json:"containerimage.descriptor,omitempty"`
	Digest     string      `json:"containerimage.digest,omitempty"`
	Name       string      `json:"image.name,omitempty"`
}

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

// metadataOf describes the result of a job. An image for several platforms has no
// one configuration.
func metadataOf(ctx context.Context, store *image.Store, job pipeline.Job, b pipeline.Built) (metadata, error) {
	m := metadata{Digest: b.Result.Digest, Name: strings.Join(append([]string{job.Image}, job.Names...), ",")}
	if job.Image == "" {
		m.Name = job.Request.Tag
	}
	if m.Digest == "" {
		return m, nil
	}
	m.Descriptor = &descriptor{b.Result.MediaType, b.Result.Digest, b.Result.SizeBytes}
	if job.Image == "" || len(job.Request.Platforms) > 1 {
		return m, nil
	}
	img, err := store.Image(ctx, job.Image, "")
	if err != nil {
		return m, err
	}
	config, err := img.ConfigName()
	m.Config = config.String()
	return m, err
}
