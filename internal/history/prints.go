package history

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/fingerprint"
	"github.com/slipway-build/slipway/internal/fingerprint/disk"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plan"
)

// prints makes fingerprints of requests.
type prints struct {
	cache  *fingerprint.Cache
	path   string // of the cache
	recipe string

	elsewhere bool // another engine builds
}

// openPrints loads the digests of files; a damaged cache is an empty one.
func openPrints(stateDir, version string) prints {
	p := prints{path: filepath.Join(stateDir, "digests"), recipe: ownRecipe(version)}
	data, err := os.ReadFile(p.path)
	if err != nil {
		p.cache = fingerprint.NewCache(time.Now())
		return p
	}
	p.cache, _ = fingerprint.DecodeCache(data, time.Now())
	return p
}

// ownRecipe is what else decides the bytes of an image: this slipway. One that
// was built from changed sources says the same version each time, so its file
// counts.
func ownRecipe(version string) string {
	out := version + " for " + runtime.GOARCH
	if !strings.Contains(version, "dev") && !strings.HasSuffix(version, "-dirty") {
		return out
	}
	id := time.Now().UnixNano() // without a file to look at, nothing is the same
	if path, err := os.Executable(); err == nil {
		if info, err := os.Stat(path); err == nil {
			id = info.ModTime().UnixNano() ^ info.Size()
		}
	}
	return fmt.Sprintf("%s, file %x", out, id)
}

// of fingerprints a request whose bases are known. What lies over a stage is
// made of that stage's own files, which count as they are.
func (p prints) of(ctx context.Context, job pipeline.Job) (fingerprint.Print, error) {
	req := job.Request
	tree, err := disk.Open(req.Context)
	if err != nil {
		return fingerprint.Print{}, err
	}
	in := fingerprint.Input{
		Context: tree, Dockerfile: req.Dockerfile, File: job.File, Ignore: req.Ignore, GitModes: req.GitModes, Target: req.Target, Args: req.Args, Labels: req.Labels,
		Platforms: req.Platforms, Embedded: !p.elsewhere, Bases: req.Bases, Compression: req.Compression, Recipe: p.recipe, Waived: job.Waivers.Recipe(), Repository: req.Repository, Cache: p.cache,
	}
	if in.Embedded {
		in.Host = plan.Host()
	}
	if !req.Epoch.IsZero() {
		in.Epoch = req.Epoch.Unix()
	}
	for _, name := range slices.Sorted(maps.Keys(req.Contexts)) {
		in.Recipe += ", with " + name
	}
	if beyond := req.Beyond(); beyond != "" {
		in.Recipe += ", with " + beyond
	}
	for _, s := range req.Secrets {
		source := "env:" + s.Env
		if s.File != "" {
			source = "file:" + s.File
		}
		in.Secrets = append(in.Secrets, fingerprint.Secret{ID: s.ID, Source: source})
	}
	return fingerprint.Of(ctx, in)
}

func (p prints) readVersions(ctx context.Context, req engine.Request, print *fingerprint.Print) error {
	tree, err := disk.Open(req.Context)
	if err != nil {
		return err
	}
	return fingerprint.ReadVersions(ctx, tree, print)
}

// save writes the digests of files for the next command.
func (p prints) save() error {
	if !p.cache.Changed() {
		return nil
	}
	var data bytes.Buffer
	if err := p.cache.Encode(&data); err != nil {
		return err
	}
	return atomicfile.Write(p.path, data.Bytes(), atomicfile.Options{Mode: 0o600})
}
