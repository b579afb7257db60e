// Package history is what this machine knows of earlier builds: fingerprints of
// what a build reads from the disk, what equal ones became from the ledger, and
// whether that image is still whole in the store. It builds nothing, and where it
// is not sure, the answer is that a build is needed.
//
//	h := history.Open(history.Options{StateDir: dir, Fleet: root, Version: "1.2.0", Store: store, Sink: sink})
//	defer h.Close()
package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fingerprint"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/ledger"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plaintext"
)

// Options say whose builds are recalled.
type Options struct {
	StateDir  string
	Fleet     string // root directory
	Version   string // of this slipway
	Afresh    string // why nothing is recalled: "--no-cache", "--force"; or empty
	Elsewhere bool   // it is built on other BuildKits, which compress layers in another way
	Store     *image.Store
	Sink      event.Sink
}

// History lets the pipeline recall earlier builds. It is a pipeline.History.
type History struct {
	Options
	ledger *ledger.Ledger
	prints prints
	began  time.Time

	mu       sync.Mutex
	services []ledger.Service
	worth    bool // something happened that the ledger does not know
}

// Ledger returns the record of builds in a state directory.
func Ledger(stateDir string, sink event.Sink) *ledger.Ledger {
	return ledger.Open(stateDir, func(format string, args ...any) {
		sink.Emit(event.Note{Text: fmt.Sprintf(format, args...), Warning: true})
	})
}

// Open opens the history of a fleet.
func Open(o Options) *History {
	h := &History{Options: o, ledger: Ledger(o.StateDir, o.Sink), prints: openPrints(o.StateDir, o.Version), began: time.Now()}
	if o.Elsewhere {
		h.prints.recipe += ", built elsewhere"
		h.prints.elsewhere = true
	}
	return h
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

// Recall implements pipeline.History. The ledger is read once for all jobs.
func (h *History) Recall(ctx context.Context, jobs []pipeline.Job) []pipeline.Recalled {
	known := make([]remembrance, len(jobs))
	parallel.Each(len(jobs), func(i int) { known[i].print, known[i].err = h.prints.of(ctx, jobs[i]) })
	unread := h.ledger.View(func(v ledger.View) error {
		for i := range known {
			k, name := &known[i], jobs[i].Request.Name
			k.last, k.usual = v.LastKey(h.Fleet, name)
			if k.image, k.has = v.Image(k.print.Key); !k.has {
				_, k.had = v.Last(h.Fleet, name)
				k.parts = v.Print(h.Fleet, name)
			}
		}
		return nil
	})
	out := make([]pipeline.Recalled, len(jobs))
	parallel.Each(len(jobs), func(i int) { out[i] = h.judge(ctx, jobs[i], known[i], unread) })
	return out
}

// judge says whether a job has to be built, and why.
func (h *History) judge(ctx context.Context, job pipeline.Job, k remembrance, unread error) pipeline.Recalled {
	r := pipeline.Recalled{Print: k.print, Took: k.usual.Duration, PeakMemory: k.usual.PeakMemory}
	if unknown := (*fingerprint.UnknownError)(nil); k.err != nil && !errors.As(k.err, &unknown) {
		r.Print = fingerprint.Print{}
		r.Reasons = []string{"its inputs cannot be determined: " + k.err.Error()}
		return r
	}
	switch {
	case h.Afresh != "":
		r.Reasons = []string{h.Afresh}
	case k.err != nil:
		r.Reasons = []string{k.err.Error()}
	case unread != nil:
		r.Reasons = []string{"cannot read the record of builds: " + unread.Error()}
	case k.has && h.holds(k.image):
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
	_ = h.prints.readVersions(ctx, job.Request, &r.Print) // for words only
	if k.had && !k.has && h.Afresh == "" {
		r.Reasons = append(r.Reasons, changes(k.parts, r.Print)...)
	}
	if len(r.Reasons) == 0 { // an entry that is damaged, or of another version
		r.Reasons = []string{"the record of its last build cannot be read"}
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

func (h *History) holds(known ledger.Image) bool {
	digest, err := v1.NewHash(known.Digest)
	return err == nil && h.Store.Holds(v1.Descriptor{Digest: digest, MediaType: types.MediaType(known.MediaType), Size: known.SizeBytes}) == nil
}

// Keep implements pipeline.History. An image belongs to its fingerprint only if
// nothing that the build reads was touched meanwhile.
func (h *History) Keep(ctx context.Context, job pipeline.Job, was pipeline.Recalled, built pipeline.Built) {
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
		s.Err = plaintext.WithoutLogins(built.Err.Error())
	case was.Print.Facts == nil: // unchanged since the last time, or not to be told
	case built.Unchanged:
		s.Key = was.Print.Key
		s.Print, _ = json.Marshal(was.Print)
	default:
		if after, err := h.prints.of(ctx, job); err == nil && was.Print.Steady(after) {
			s.Key = was.Print.Key
		}
		s.Print, _ = json.Marshal(was.Print)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.services = append(h.services, s)
	h.worth = h.worth || !s.Skipped || s.Print != nil
}

// Close records the run, unless there was nothing to do.
func (h *History) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.prints.save()
	if !h.worth {
		return err
	}
	slices.SortFunc(h.services, func(a, b ledger.Service) int { return strings.Compare(a.Name, b.Name) })
	_, recorded := h.ledger.Record(ledger.Run{Started: h.began, Duration: time.Since(h.began), Version: h.Version, Fleet: h.Fleet, Services: h.services})
	return errors.Join(err, recorded)
}

// SavePrints writes the digests of files that were read, for the next command:
// Close does it too.
func (h *History) SavePrints() error { return h.prints.save() }
