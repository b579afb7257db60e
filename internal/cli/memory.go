package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fingerprint"
	"github.com/slipway-build/slipway/internal/fingerprint/disk"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/ledger"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/pipeline"
)

// memory lets the pipeline recall earlier builds: fingerprints from the disk,
// what they became from the ledger, and whether it is still there from the image
// store. It is a pipeline.Memory.
type memory struct {
	ledger *ledger.Ledger
	store  *image.Store
	prints prints
	fleet  string // root directory
	afresh string // why nothing is recalled: "--no-cache", "--force"; or empty
	began  time.Time

	mu       sync.Mutex
	services []ledger.Service
	worth    bool // something happened that the ledger does not know
}

// openLedger returns the record of builds of the state directory.
func (a *app) openLedger(sink event.Sink) *ledger.Ledger {
	return ledger.Open(a.stateDir, func(format string, args ...any) {
		sink.Emit(event.Note{Text: fmt.Sprintf(format, args...), Warning: true})
	})
}

// newMemory opens the memory of a fleet; afresh says why nothing is recalled, and
// the flags where it is built.
func (a *app) newMemory(root, afresh string, f builderFlags, store *image.Store, sink event.Sink) *memory {
	m := &memory{ledger: a.openLedger(sink), store: store, prints: a.openPrints(), fleet: root, afresh: afresh, began: time.Now()}
	if a.elsewhere(f) {
		m.prints.recipe += ", built elsewhere" // where layers are compressed in another way
	}
	return m
}

// remembrance is what is known of a job before and after the ledger was asked.
type remembrance struct {
	print fingerprint.Print
	err   error // the print is not complete
	image ledger.Image
	has   bool            // the image of an equal build is recorded
	last  string          // fingerprint of the last build
	usual ledger.Usual    // what builds take
	had   bool            // there was one
	parts json.RawMessage // of its fingerprint
}

// Recall implements pipeline.Memory. The ledger is read once for all jobs.
func (m *memory) Recall(ctx context.Context, jobs []pipeline.Job) []pipeline.Recalled {
	known := make([]remembrance, len(jobs))
	parallel.Each(len(jobs), func(i int) { known[i].print, known[i].err = m.prints.of(ctx, jobs[i]) })
	unread := m.ledger.View(func(v ledger.View) error {
		for i := range known {
			k, name := &known[i], jobs[i].Request.Name
			k.last, k.usual = v.LastKey(m.fleet, name)
			if k.image, k.has = v.Image(k.print.Key); !k.has {
				_, k.had = v.Last(m.fleet, name)
				k.parts = v.Print(m.fleet, name)
			}
		}
		return nil
	})
	out := make([]pipeline.Recalled, len(jobs))
	parallel.Each(len(jobs), func(i int) { out[i] = m.judge(ctx, jobs[i], known[i], unread) })
	return out
}

// judge says whether a job has to be built, and why.
func (m *memory) judge(ctx context.Context, job pipeline.Job, k remembrance, unread error) pipeline.Recalled {
	r := pipeline.Recalled{Print: k.print, Took: k.usual.Duration, PeakMemory: k.usual.PeakMemory}
	if unknown := (*fingerprint.UnknownError)(nil); k.err != nil && !errors.As(k.err, &unknown) {
		r.Print = fingerprint.Print{}
		r.Reasons = []string{"what it reads cannot be told: " + k.err.Error()}
		return r
	}
	switch {
	case m.afresh != "":
		r.Reasons = []string{m.afresh}
	case k.err != nil:
		r.Reasons = []string{k.err.Error()}
	case unread != nil:
		r.Reasons = []string{"the record of builds cannot be read: " + unread.Error()}
	case k.has && m.holds(k.image):
		r.Result = engine.Result{Digest: k.image.Digest, MediaType: k.image.MediaType, SizeBytes: k.image.SizeBytes, Steps: k.image.Steps, CachedSteps: k.image.Steps}
		if k.last == k.print.Key {
			r.Print = fingerprint.Print{} // nothing to note
		}
		return r
	case k.has:
		r.Reasons, r.Lost = []string{"its image is no longer in the store"}, true
	case !k.had:
		r.Reasons = []string{"not built here before"}
	}
	_ = m.prints.readVersions(ctx, job.Request, &r.Print) // for words only
	if k.had && !k.has && m.afresh == "" {
		r.Reasons = append(r.Reasons, changes(k.parts, r.Print)...)
	}
	return r
}

// changes says what changed since the last build.
func changes(last json.RawMessage, now fingerprint.Print) []string {
	var before fingerprint.Print
	if err := json.Unmarshal(last, &before); err != nil {
		return nil
	}
	var out []string
	for _, c := range fingerprint.Diff(before, now) {
		out = append(out, c.Text)
	}
	return out
}

func (m *memory) holds(known ledger.Image) bool {
	digest, err := v1.NewHash(known.Digest)
	return err == nil && m.store.Holds(v1.Descriptor{Digest: digest, MediaType: types.MediaType(known.MediaType), Size: known.SizeBytes}) == nil
}

// Keep implements pipeline.Memory. An image belongs to its fingerprint only if
// nothing that the build reads was touched meanwhile.
func (m *memory) Keep(ctx context.Context, job pipeline.Job, was pipeline.Recalled, built pipeline.Built) {
	s := ledger.Service{
		Name: job.Request.Name, Image: job.Image, Reasons: built.Reasons, Cached: built.Result.CachedSteps, Duration: built.Duration, Skipped: built.Unchanged,
		Result: ledger.Image{Digest: built.Result.Digest, MediaType: built.Result.MediaType, SizeBytes: built.Result.SizeBytes, Steps: built.Result.Steps},
	}
	s.PeakMemory = built.PeakMemory
	for _, step := range built.Ran {
		s.Steps = append(s.Steps, ledger.Step{Stage: step.Stage, Text: step.Step, Duration: step.Duration})
	}
	switch {
	case built.Err != nil:
		s.Err = built.Err.Error()
	case was.Print.Facts == nil: // unchanged since the last time, or not to be told
	case built.Unchanged:
		s.Key = was.Print.Key
		s.Print, _ = json.Marshal(was.Print)
	default:
		if after, err := m.prints.of(ctx, job); err == nil && was.Print.Steady(after) {
			s.Key = was.Print.Key
		}
		s.Print, _ = json.Marshal(was.Print)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.services = append(m.services, s)
	m.worth = m.worth || !s.Skipped || s.Print != nil
}

// Close records the run, unless there was nothing to do.
func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.prints.save()
	if !m.worth {
		return err
	}
	slices.SortFunc(m.services, func(a, b ledger.Service) int { return strings.Compare(a.Name, b.Name) })
	_, recorded := m.ledger.Record(ledger.Run{Started: m.began, Duration: time.Since(m.began), Version: Version, Fleet: m.fleet, Services: m.services})
	return errors.Join(err, recorded)
}

// prints makes fingerprints of requests.
type prints struct {
	cache  *fingerprint.Cache
	path   string // of the cache
	recipe string
}

// openPrints loads the digests of files; a damaged cache is an empty one.
func (a *app) openPrints() prints {
	p := prints{path: filepath.Join(a.stateDir, "digests"), recipe: ownRecipe()}
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
func ownRecipe() string {
	out := Version + " for " + runtime.GOARCH
	if !strings.Contains(Version, "dev") && !strings.HasSuffix(Version, "-dirty") {
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
		Platforms: req.Platforms, Bases: req.Bases, Compression: req.Compression, Recipe: p.recipe, Cache: p.cache,
	}
	if !req.Epoch.IsZero() {
		in.Epoch = req.Epoch.Unix()
	}
	for _, name := range slices.Sorted(maps.Keys(req.Contexts)) {
		in.Recipe += ", with " + name
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
	tmp, err := os.CreateTemp(filepath.Dir(p.path), ".digests-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(data.Bytes())
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), p.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}
