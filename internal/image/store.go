package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
)

// refName is the annotation of index.json that holds an image's name
// (OCI image-spec, annotations.md).
const refName = "org.opencontainers.image.ref.name"

// NamedBy is the annotation of a descriptor that holds the repository whose files
// chose the name of an image; without it, a person chose it.
const NamedBy = "build.slipway.repository"

const layoutFile = `{"imageLayoutVersion": "1.0.0"}`

// ErrNotFound is what errors.Is finds in the error of a name that the store
// does not have.
var ErrNotFound = errors.New("no such image")

// notFound is ErrNotFound with the text and hint for the person.
type notFound struct{ *diag.Failure }

func (e notFound) Is(target error) bool { return target == ErrNotFound }
func (e notFound) Unwrap() error        { return e.Failure }

// Entry is one named image.
type Entry struct {
	Name       string
	Descriptor v1.Descriptor // of the image's index or manifest
}

// Store is a directory of images. It is safe for concurrent use, in this
// process and between processes.
type Store struct {
	dir      string
	sink     event.Sink
	volatile bool // tests need no disk

	mu    sync.Mutex
	names names

	checks    checks
	manifests sync.Map // of images, parsed, by digest
	contents  knownContents
}

// names is index.json as it was last read, with its entries by canonical name.
// The file is only ever replaced, so another content is another file.
type names struct {
	file    fs.FileInfo
	entries []Entry
	byKey   map[string]v1.Descriptor
}

// of reports whether a file is the one that was read.
func (n names) of(now fs.FileInfo) bool {
	was := n.file
	return was != nil && os.SameFile(was, now) && was.Size() == now.Size() && was.ModTime().Equal(now.ModTime())
}

// Option changes how a Store behaves.
type Option func(*Store)

// WithSink makes the store report repairs to a sink; otherwise they are silent.
func WithSink(sink event.Sink) Option { return func(s *Store) { s.sink = sink } }

// Open opens the image store in dir and creates it when it is not there.
// There is nothing to close.
func Open(dir string, opts ...Option) (*Store, error) {
	s := &Store{dir: dir, sink: event.Discard{}}
	for _, opt := range opts {
		opt(s)
	}
	if _, err := os.Stat(s.path("index.json")); err == nil {
		return s, nil
	}
	if err := s.create(); err != nil {
		return nil, fmt.Errorf("opening image store: %w", err)
	}
	return s, nil
}

// create lays out an empty store; a concurrent creation does no harm.
func (s *Store) create() error {
	for _, dir := range []string{s.path("blobs", "sha256"), s.path("tmp")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	unlock, err := s.lock(context.Background())
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.replace("oci-layout", []byte(layoutFile)); err != nil {
		return err
	}
	if _, err := os.Stat(s.path("index.json")); err == nil {
		return nil
	}
	return s.writeIndex(nil)
}

// Dir returns the directory of the store.
func (s *Store) Dir() string { return s.dir }

// Tag gives an image a name; the name stops meaning what it meant before. It
// fails when a blob of the image is missing.
func (s *Store) Tag(ctx context.Context, name string, desc v1.Descriptor) error {
	key, err := canonical(name)
	if err != nil {
		return err
	}
	return s.update(ctx, func(entries []Entry) ([]Entry, error) {
		if err := s.complete(desc); err != nil {
			return nil, fmt.Errorf("naming image %s: %w", name, err)
		}
		entries = slices.DeleteFunc(entries, func(e Entry) bool { return sameName(e.Name, key) })
		return append(entries, Entry{Name: name, Descriptor: desc}), nil
	})
}

// Resolve returns the descriptor of an image by its name, by "name@sha256:…" or
// by "sha256:…". The error is ErrNotFound when there is none.
func (s *Store) Resolve(ctx context.Context, name string) (v1.Descriptor, error) {
	if h, err := v1.NewHash(digestPart(name)); err == nil {
		return s.describeBlob(h, name)
	}
	key, err := canonical(name)
	if err != nil {
		return v1.Descriptor{}, err
	}
	if desc, ok := s.known()[key]; ok {
		return desc, nil
	}
	entries, err := s.List(ctx)
	if err != nil {
		return v1.Descriptor{}, err
	}
	for _, e := range entries {
		if sameName(e.Name, key) {
			return e.Descriptor, nil
		}
	}
	return v1.Descriptor{}, s.notFound(name, entries)
}

// known returns the images by canonical name as far as the last reading of the
// index still stands; who has to be sure that there is none asks List.
func (s *Store) known() map[string]v1.Descriptor {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refresh() != nil {
		return nil
	}
	if s.names.byKey == nil {
		s.names.byKey = make(map[string]v1.Descriptor, len(s.names.entries))
		for _, e := range s.names.entries {
			if key, err := canonical(e.Name); err == nil {
				s.names.byKey[key] = e.Descriptor
			}
		}
	}
	return s.names.byKey
}

// List returns every named image, sorted by name.
func (s *Store) List(ctx context.Context) ([]Entry, error) {
	entries, err := s.readIndex()
	if errors.As(err, new(*damagedError)) {
		err = s.update(ctx, func(es []Entry) ([]Entry, error) { entries = es; return es, nil })
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries, nil
}

// Remove forgets a name; GC removes the blobs that no other name reaches.
func (s *Store) Remove(ctx context.Context, name string) error {
	key, err := canonical(name)
	if err != nil {
		return err
	}
	return s.update(ctx, func(entries []Entry) ([]Entry, error) {
		rest := slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return sameName(e.Name, key) })
		if len(rest) == len(entries) {
			return nil, s.notFound(name, entries)
		}
		return rest, nil
	})
}

// update changes the list of names under the store's lock.
func (s *Store) update(ctx context.Context, change func([]Entry) ([]Entry, error)) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	for _, kind := range []string{"index.json-*", "contents-*"} { // of a killed process: who writes one has the lock
		left, _ := filepath.Glob(s.path("tmp", kind))
		for _, path := range left {
			_ = os.Remove(path)
		}
	}
	entries, err := s.readIndex()
	if damaged := (*damagedError)(nil); errors.As(err, &damaged) {
		entries, err = nil, s.setAside(damaged)
	}
	if err != nil {
		return err
	}
	if entries, err = change(entries); err != nil {
		return err
	}
	return s.writeIndex(entries)
}

// lock takes the store's lock; it is held for milliseconds.
func (s *Store) lock(ctx context.Context) (unlock func(), err error) {
	l := flock.New(s.path(".lock"))
	if _, err := l.TryLockContext(ctx, 2*time.Millisecond); err != nil {
		return nil, fmt.Errorf("locking image store %s: %w", s.dir, err)
	}
	return func() { _ = l.Close() }, nil
}

// damagedError says that index.json is not an index.
type damagedError struct{ err error }

func (e *damagedError) Error() string { return "reading index.json: " + e.err.Error() }
func (e *damagedError) Unwrap() error { return e.err }

// readIndex returns the entries of index.json.
func (s *Store) readIndex() ([]Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refresh(); err != nil {
		return nil, err
	}
	return slices.Clone(s.names.entries), nil
}

// refresh reads index.json when it is another file than the last time. The
// caller holds mu.
func (s *Store) refresh() error {
	if now, err := os.Stat(s.path("index.json")); err == nil && s.names.of(now) {
		return nil
	}
	f, err := os.Open(s.path("index.json"))
	if errors.Is(err, fs.ErrNotExist) {
		s.names = names{}
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading image store: %w", err)
	}
	defer f.Close()
	now, err := f.Stat()
	if err != nil {
		return fmt.Errorf("reading image store: %w", err)
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return fmt.Errorf("reading image store: %w", err)
	}
	entries, err := decodeIndex(data)
	if err != nil {
		return err
	}
	s.names = names{file: now, entries: entries}
	return nil
}

// decodeIndex reads the text of an index.json; manifests without a name are ignored.
func decodeIndex(data []byte) ([]Entry, error) {
	var index v1.IndexManifest
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, &damagedError{err}
	}
	if index.SchemaVersion != 2 {
		return nil, &damagedError{fmt.Errorf("schema version %d", index.SchemaVersion)}
	}
	var entries []Entry
	for _, desc := range index.Manifests {
		name := desc.Annotations[refName]
		if name == "" {
			continue
		}
		desc.Annotations = maps.Clone(desc.Annotations)
		delete(desc.Annotations, refName)
		if len(desc.Annotations) == 0 {
			desc.Annotations = nil
		}
		entries = append(entries, Entry{Name: name, Descriptor: desc})
	}
	return entries, nil
}

func (s *Store) writeIndex(entries []Entry) error {
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	for _, e := range entries {
		desc := e.Descriptor
		desc.Data = nil
		desc.Annotations = maps.Clone(desc.Annotations)
		if desc.Annotations == nil {
			desc.Annotations = map[string]string{}
		}
		desc.Annotations[refName] = e.Name
		index.Manifests = append(index.Manifests, desc)
	}
	data, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return err
	}
	return s.replace("index.json", append(data, '\n'))
}

// setAside renames a damaged index.json, so that nothing is lost, and says so.
func (s *Store) setAside(damaged error) error {
	aside := s.path("index.json.damaged")
	for n := 2; ; n++ {
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			break
		}
		aside = s.path(fmt.Sprintf("index.json.damaged-%d", n))
	}
	if err := os.Rename(s.path("index.json"), aside); err != nil {
		return fmt.Errorf("moving damaged index.json aside: %w", err)
	}
	s.sink.Emit(event.Note{Warning: true, Text: fmt.Sprintf(
		"the list of local images was damaged (%s); it is kept as %s and the store starts with no names: build again", damaged, aside)})
	return nil
}

// notFound makes the refusal of an unknown name.
func (s *Store) notFound(name string, entries []Entry) error {
	f := diag.Fail(diag.ExitUsage, "image %q not found in the local store", name)
	var names, untagged []string
	for _, e := range entries {
		names = append(names, e.Name)
		untagged = append(untagged, strings.TrimSuffix(e.Name, ":latest"))
	}
	near := diag.Nearest(name, names)
	if near == "" {
		near = diag.Nearest(name, untagged)
	}
	if near != "" {
		return notFound{f.WithHint("did you mean %q?", near)}
	}
	if len(names) == 0 {
		return notFound{f.WithHint("nothing is built yet: slipway build")}
	}
	return notFound{f.WithHint("`slipway stats` lists the images; `slipway build` builds them")}
}

// sameName tells whether a written name has the given canonical form.
func sameName(written, key string) bool {
	k, err := canonical(written)
	return err == nil && k == key
}

// digestPart returns what follows the "@" of a name, else the name itself.
func digestPart(name string) string {
	if _, digest, ok := strings.Cut(name, "@"); ok {
		return digest
	}
	return name
}

func (s *Store) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}
