// Package fingerprint digests all that a build of one service reads, and says
// in words why one fingerprint differs from an earlier one. Equal fingerprints
// mean an equal image, so a build whose fingerprint is that of the last one need
// not be run. One wrong skip outweighs everything: where it cannot be known what
// a build reads, Of says so, and the build has to be run.
//
// It reads files only through a Tree, starts nothing, opens no connection and
// knows no clock. What a step fetches from the network counts as little as it
// does for BuildKit's own cache. What BuildKit takes from its cache without
// looking is looked at: a file that changed but kept its size and modification
// time, which BuildKit's transfer of the context takes for unchanged, changes
// the fingerprint.
//
//	now, err := fingerprint.Of(ctx, in)
//	if err == nil && now.Same(last) {
//		return nil // nothing changed
//	}
//	for _, c := range fingerprint.Diff(last, now) {
//		fmt.Println(c) // src/index.ts changed
//	}
package fingerprint

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/dockerfile"
)

// version begins every key. Raise it when a key comes to mean something else.
const version = "slipway fingerprint 3"

// Input is all that decides the image of one build. Names and outputs of an
// image are not part of it.
type Input struct {
	Context     Tree
	Dockerfile  []byte
	File        *dockerfile.File // Dockerfile as dockerfile.Read parsed it; nil: it is parsed here if need be
	Ignore      []string         // patterns in .dockerignore syntax
	GitModes    bool             // as of engine.Request
	Target      string
	Args        map[string]string
	Labels      map[string]string
	Platforms   []string // none: that of Host
	Host        string   // "linux/amd64", what the engine builds for unless it is told; empty: unknown
	Secrets     []Secret
	Bases       map[string]string // name after FROM → "sha256:…" of an image that has no ONBUILD steps
	Compression string
	Epoch       int64 // seconds since 1970 of the image's newest timestamp
	// Embedded tells that the engine of this process builds: it gives every file of a
	// layer the time of Epoch, and takes layers from overlayfs.
	Embedded bool
	// Contexts are named contexts of small files that Slipway makes: name →
	// file → digest of the file.
	Contexts map[string]map[string]string
	// Recipe is all else that decides the bytes of an image: the build of
	// Slipway, the engine and its version, the platform that it runs on.
	Recipe string
	// Repository names the repository that is built, whose cache mounts its steps
	// use; "" where all share them. An image that was made with those of one
	// repository is not that of another one.
	Repository string
	// Waived says which findings about the image are waived; "" for none.
	Waived string

	Cache *Cache // of the digests of files; nil: every file is read, and the Dockerfile parsed
}

// Secret is a build secret by where it comes from, never by its value: a new
// value of the same secret runs no step again, as with BuildKit's cache.
type Secret struct {
	ID     string
	Source string // "file:/path" or "env:NAME"
}

// UnknownError says what a build reads and nobody can tell beforehand. Such a
// build is always run.
type UnknownError struct{ Reads []string }

func (e *UnknownError) Error() string {
	return "cannot determine whether this changed: " + strings.Join(e.Reads, ", ")
}

// Of fingerprints a build. With an UnknownError the Print is complete but for
// its Key, so that Diff can compare it. It is safe for concurrent use.
func Of(ctx context.Context, in Input) (Print, error) {
	names := map[string]bool{}
	for name := range in.Bases {
		names[dockerfile.ContextName(name)] = true
	}
	for name := range in.Contexts {
		names[dockerfile.ContextName(name)] = true
	}
	reads, err := in.reads(names)
	if err != nil {
		return Print{}, err
	}
	unknown := slices.Clone(reads.Unknown)
	for _, image := range reads.Images {
		if !names[image] {
			unknown = append(unknown, "the image "+image)
		}
	}
	unknown = append(unknown, in.settle()...)
	w, err := collect(ctx, &in, reads)
	if err != nil {
		return Print{}, err
	}
	facts := in.facts(reads)
	p := Print{Facts: map[string]string{}, Files: w.files, seen: w.seen.hex(), Odd: w.oddity()}
	for _, f := range facts {
		p.Facts[f.name] = f.shown()
	}
	if unknown = append(unknown, w.unknown...); len(unknown) > 0 {
		return p, &UnknownError{unknown}
	}
	p.Key = key(facts, w.files)
	return p, nil
}

// settle gives the epoch the value of the argument that overrides it, and names
// what the caller gives without telling its content.
func (in *Input) settle() (unknown []string) {
	for _, name := range slices.Sorted(maps.Keys(in.Bases)) {
		if !isDigest(in.Bases[name]) {
			unknown = append(unknown, "the image "+name)
		}
	}
	for _, name := range slices.Concat(slices.Sorted(maps.Keys(in.Bases)), slices.Sorted(maps.Keys(in.Contexts))) {
		if strings.Contains(name, "::") { // a context for one platform only
			unknown = append(unknown, "the platform of "+name)
		}
	}
	if given, ok := in.Args["SOURCE_DATE_EPOCH"]; ok {
		seconds, err := strconv.ParseInt(given, 10, 64)
		if err != nil {
			unknown = append(unknown, "the time of SOURCE_DATE_EPOCH="+given)
		}
		in.Epoch = seconds
	}
	return unknown
}

func isDigest(s string) bool {
	sum, ok := strings.CutPrefix(s, "sha256:")
	_, err := hex.DecodeString(sum)
	return ok && err == nil && len(sum) == 2*sha256.Size
}

// fact is one input that is not a file of the context.
type fact struct {
	name, value string
	hidden      bool // shown as a digest: it may be long or private
	words       bool // only for Diff: it counts by the files that it leaves or changes
}

// shown is what a Print keeps of a fact.
func (f fact) shown() string {
	if !f.hidden {
		return f.value
	}
	sum := sha256.Sum256([]byte(f.value))
	return hex.EncodeToString(sum[:4])
}

// The names of facts; those that end with a colon are followed by a name.
const (
	factRecipe      = "recipe"
	factDockerfile  = "dockerfile"
	factTarget      = "target"
	factPlatforms   = "platforms"
	factArgument    = "argument:"
	factLabel       = "label:"
	factSecret      = "secret:"
	factBase        = "base:"
	factContext     = "context:"
	factIgnore      = "ignore"
	factCompression = "compression"
	factEpoch       = "epoch"
	factModes       = "modes"
	factWaived      = "waivers"
	factRepository  = "repository"
)

// facts are the inputs beside the files, of arguments, secrets and bases those that the
// build may look at.
func (in *Input) facts(reads dockerfile.Reads) []fact {
	platforms := in.Platforms
	if len(platforms) == 0 && in.Host != "" && reads.Scratch { // another image may be for another platform
		platforms = []string{in.Host}
	}
	out := []fact{
		{name: factRecipe, value: in.Recipe},
		{name: factDockerfile, value: reads.Text, hidden: true},
		{name: factTarget, value: reads.Target},
		{name: factPlatforms, value: strings.Join(platforms, ",")},
		{name: factIgnore, value: strings.Join(in.Ignore, "\n"), hidden: true, words: true},
		{name: factCompression, value: cmp.Or(in.Compression, "gzip")},
		{name: factEpoch, value: strconv.FormatInt(in.Epoch, 10)},
		{name: factModes, value: strconv.FormatBool(in.GitModes), words: true},
	}
	if in.Repository != "" && bytes.Contains(in.Dockerfile, []byte("--mount")) {
		out = append(out, fact{name: factRepository, value: in.Repository})
	}
	if in.Waived != "" {
		out = append(out, fact{name: factWaived, value: in.Waived})
	}
	each := func(prefix string, values map[string]string, hidden bool) {
		for _, k := range slices.Sorted(maps.Keys(values)) {
			out = append(out, fact{name: prefix + k, value: values[k], hidden: hidden})
		}
	}
	args := maps.Clone(in.Args)
	maps.DeleteFunc(args, func(name, _ string) bool { return !reads.Takes(name) })
	each(factArgument, args, true)
	each(factLabel, in.Labels, true)
	bases := maps.Clone(in.Bases)
	maps.DeleteFunc(bases, func(name, _ string) bool { return !slices.Contains(reads.Images, dockerfile.ContextName(name)) })
	each(factBase, bases, false)
	for _, name := range slices.Sorted(maps.Keys(in.Contexts)) {
		out = append(out, fact{name: factContext + name, value: strconv.Itoa(len(in.Contexts[name]))})
		each(factContext+name+"/", in.Contexts[name], false)
	}
	if !reads.Secrets {
		return out
	}
	secrets := slices.Clone(in.Secrets)
	slices.SortStableFunc(secrets, func(a, b Secret) int { return strings.Compare(a.ID, b.ID) })
	for _, s := range secrets {
		out = append(out, fact{name: factSecret + s.ID, value: s.Source, hidden: true})
	}
	return out
}

// key digests facts and files. Every part is preceded by its length, so that no
// two inputs have one spelling.
func key(facts []fact, files []File) string {
	d := newDigester()
	d.text(version)
	facts = slices.DeleteFunc(slices.Clone(facts), func(f fact) bool { return f.words })
	d.number(uint64(len(facts)))
	for _, f := range facts {
		d.text(f.name)
		d.text(f.value)
	}
	d.number(uint64(len(files)))
	for _, f := range files {
		d.text(f.Path)
		d.number(uint64(f.Mode))
		d.number(uint64(f.MTime))
		d.text(f.Link)
		d.bytes(f.Sum[:])
	}
	return "sha256:" + d.hex()
}

// digester is the SHA-256 of parts that are written with their lengths. It
// collects them: a hash takes a kilobyte faster than a hundred numbers.
type digester struct {
	hash    hash.Hash
	pending []byte
}

func newDigester() *digester {
	return &digester{hash: sha256.New(), pending: make([]byte, 0, 2048)}
}

func (d *digester) text(s string) {
	d.number(uint64(len(s)))
	d.pending = append(d.pending, s...)
}

func (d *digester) number(n uint64) {
	d.pending = binary.LittleEndian.AppendUint64(d.pending, n)
	if len(d.pending) > 1024 {
		d.flush()
	}
}

// bytes writes a part of a size that every reader knows.
func (d *digester) bytes(b []byte) { d.pending = append(d.pending, b...) }

func (d *digester) flush() {
	_, _ = d.hash.Write(d.pending) // a hash takes every byte
	d.pending = d.pending[:0]
}

// sum appends the digest.
func (d *digester) sum(to []byte) []byte {
	d.flush()
	return d.hash.Sum(to)
}

// hex returns the digest in hexadecimal digits.
func (d *digester) hex() string { return hex.EncodeToString(d.sum(nil)) }
