package baseimage

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/baseimage/debian"
	"github.com/slipway-build/slipway/internal/baseimage/download"
	"github.com/slipway-build/slipway/internal/baseimage/spec"
	"github.com/slipway-build/slipway/internal/diag"
)

// LockName is the file that pins bases in a repository.
const LockName = "slipway.lock"

// assembly counts the ways in which this package has turned packages into
// files. It rises whenever the same pins would give another image.
const assembly = 3

// Lock pins what bases are made of. Equal locks give equal digests.
type Lock struct {
	Version int      `json:"version"` // of the file's format: 1
	Bases   []Locked `json:"bases"`   // sorted by Ref, then Platform
}

// Locked is one base on one platform.
type Locked struct {
	Ref      string       `json:"ref"`
	Platform string       `json:"platform"`
	Suite    string       `json:"suite,omitempty"`
	Assembly int          `json:"assembly"`
	Gzip     string       `json:"gzip,omitempty"` // digest of the manifest with gzip layers; empty: never built
	Zstd     string       `json:"zstd,omitempty"` // the same with zstd layers
	Debian   []debian.Pin `json:"debian,omitempty"`
	NPM      []NPMPin     `json:"npm,omitempty"`
	Go       []GoPin      `json:"go,omitempty"`
	Python   []PythonPin  `json:"python,omitempty"`
	Probe    string       `json:"probe,omitempty"` // names the bytes of the probe binary
}

// NPMPin is one npm package.
type NPMPin struct {
	Name      string `json:"name"`
	Version   string `json:"version"`
	Integrity string `json:"integrity"`
}

// digest is the field that holds the manifest digest for a compression.
func (l *Locked) digest(c Compression) *string {
	if c == Zstd {
		return &l.Zstd
	}
	return &l.Gzip
}

// key names what the base is made of, without the digests that follow from it.
func (l Locked) key(c Compression) string {
	l.Gzip, l.Zstd = "", ""
	text, err := json.Marshal(l)
	if err != nil {
		panic(err) // strings and numbers only
	}
	sum := sha256.Sum256(append(text, string(c)...))
	return hex.EncodeToString(sum[:])
}

// Find returns the pins of a base on a platform.
func (l Lock) Find(ref, platform string) (Locked, bool) {
	for _, b := range l.Bases {
		if b.Ref == ref && b.Platform == platform {
			return b, true
		}
	}
	return Locked{}, false
}

// With returns a copy with a base added or replaced.
func (l Lock) With(b Locked) Lock {
	bases := slices.DeleteFunc(slices.Clone(l.Bases), func(o Locked) bool { return o.Ref == b.Ref && o.Platform == b.Platform })
	bases = append(bases, b)
	slices.SortFunc(bases, func(a, b Locked) int {
		if c := strings.Compare(a.Ref, b.Ref); c != 0 {
			return c
		}
		return strings.Compare(a.Platform, b.Platform)
	})
	return Lock{Version: 1, Bases: bases}
}

// Encode writes the lock as JSON with one package a line, so that a diff names
// exactly the packages that changed.
func (l Lock) Encode() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("{\n  \"version\": 1,\n  \"bases\": [")
	for i, base := range l.Bases {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := encodeLocked(&b, base); err != nil {
			return nil, err
		}
	}
	b.WriteString("\n  ]\n}\n")
	return b.Bytes(), nil
}

func encodeLocked(b *bytes.Buffer, base Locked) error {
	debian, npm, golang, python := base.Debian, base.NPM, base.Go, base.Python
	base.Debian, base.NPM, base.Go, base.Python = nil, nil, nil, nil
	head, err := json.MarshalIndent(base, "    ", "  ")
	if err != nil {
		return err
	}
	b.WriteString("\n    " + strings.TrimSuffix(string(head), "\n    }"))
	if err := encodePins(b, "debian", debian); err != nil {
		return err
	}
	if err := encodePins(b, "npm", npm); err != nil {
		return err
	}
	if err := encodePins(b, "go", golang); err != nil {
		return err
	}
	if err := encodePins(b, "python", python); err != nil {
		return err
	}
	b.WriteString("\n    }")
	return nil
}

func encodePins[P any](b *bytes.Buffer, name string, pins []P) error {
	if len(pins) == 0 {
		return nil
	}
	fmt.Fprintf(b, ",\n      %q: [", name)
	for i, p := range pins {
		line, err := json.Marshal(p)
		if err != nil {
			return err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n        " + string(line))
	}
	b.WriteString("\n      ]")
	return nil
}

// WriteLock writes the lock to a file, whole or not at all.
func WriteLock(name string, l Lock) error {
	text, err := l.Encode()
	if err != nil {
		return err
	}
	return writeFile(name, text)
}

// ReadLock reads a lock file. A missing file is an error that is fs.ErrNotExist;
// a damaged one is a diag.Findings with the line.
func ReadLock(name string) (Lock, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return Lock{}, err
	}
	return DecodeLock(name, text)
}

// DecodeLock reads the text of a lock file, whose name is for messages.
func DecodeLock(name string, text []byte) (Lock, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var l Lock
	err := d.Decode(&l)
	if err == nil {
		if _, e := d.Token(); e != io.EOF {
			err = errors.New("unexpected text after the end")
		}
	}
	if err == nil {
		err = l.check()
	}
	if err != nil {
		place := diag.Place{File: name}
		var syntax *json.SyntaxError
		var kind *json.UnmarshalTypeError
		switch {
		case errors.As(err, &syntax):
			place.Line = 1 + bytes.Count(text[:min(int(syntax.Offset), len(text))], []byte("\n"))
		case errors.As(err, &kind):
			place.Line = 1 + bytes.Count(text[:min(int(kind.Offset), len(text))], []byte("\n"))
		}
		return Lock{}, diag.Findings{{
			Code: "SLP301", Place: place, Text: "the lock file is damaged: " + err.Error(),
			Hint: "restore it from version control, or write it again with `slipway bases lock`",
		}}
	}
	return l, nil
}

// check refuses pins that could not have been written by Encode.
func (l Lock) check() error {
	if l.Version != 1 {
		return fmt.Errorf("version %d of the format is not supported", l.Version)
	}
	for _, b := range l.Bases {
		where := b.Ref + " " + b.Platform
		if _, err := spec.Of(b.Ref); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		if t, err := spec.TargetOf(b.Platform); err != nil || t.Platform != b.Platform {
			return fmt.Errorf("%s: unknown platform", where)
		}
		for _, p := range b.Debian {
			if err := p.Check(); err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
		}
		for _, p := range b.Go {
			if err := p.check(); err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
		}
		for _, p := range b.Python {
			if err := p.check(); err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
		}
		for _, p := range b.NPM {
			if _, err := download.ContentOfIntegrity(p.Integrity); err != nil || !download.SafePath(p.Name) || !download.SafeName(p.Version) {
				return fmt.Errorf("%s: the entry of npm package %q is not complete", where, p.Name)
			}
		}
	}
	return nil
}
