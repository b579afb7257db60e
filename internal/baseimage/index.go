package baseimage

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"pault.ag/go/debian/version"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
)

// archives of Debian, as slipway.lock names them.
const (
	archiveMain     = "debian"
	archiveSecurity = "debian-security"
)

// candidate is one version of a binary package that an index offers.
type candidate struct {
	name    string
	version version.Version
	text    string // the version as written
	pin     DebPin
	depends [][]relation
}

// relation is one alternative of a dependency.
type relation struct {
	name, op, version string
}

// index is the packages of one architecture, over several suites.
type index struct {
	packages map[string][]stanza // by name; parsed when asked for
	archive  map[string]string   // of a pool file
	provides map[string][]string // virtual name to the names of packages
}

// archiveReader reads signed indexes of Debian archives.
type archiveReader struct {
	cache  *cache
	keys   func() (openpgp.EntityList, error) // reading them takes milliseconds
	now    func() time.Time
	events event.Sink
}

// suiteOf is one suite of one archive.
type suiteOf struct {
	archive, suite string
	mirrors        []string
	optional       bool
}

// openSuite is a suite whose release file was checked.
type openSuite struct {
	suiteOf
	release
	mirror string
}

// open reads and checks the InRelease of a suite from the first mirror that is
// Debian's and has the suite. It returns nil for an optional suite that none has.
func (a *archiveReader) open(ctx context.Context, s suiteOf) (*openSuite, error) {
	var failed, absent error
	for _, m := range s.mirrors {
		address := m + "/dists/" + s.suite + "/InRelease"
		r, err := a.openAt(ctx, s.suite, address)
		switch {
		case notFound(err):
			absent = err
		case err != nil && failed == nil:
			failed = err // another mirror may still do: apt's sources list other vendors' archives too
		case err == nil && r.origin != "Debian":
			absent = fmt.Errorf("%s is an archive of %q, not of Debian", redacted(m), r.origin)
		case err == nil:
			return &openSuite{s, r, m}, nil
		}
	}
	if failed != nil {
		return nil, failed
	}
	if s.optional {
		return nil, nil
	}
	return nil, diag.Fail(diag.ExitBuild, "no configured Debian mirror has the suite %q", s.suite).Because(absent).
		WithHint("SLIPWAY_DEBIAN_MIRROR names another mirror")
}

// openAt reads and checks one release file.
func (a *archiveReader) openAt(ctx context.Context, suite, address string) (release, error) {
	var data []byte
	err := a.cache.fetch.get(ctx, address, func(body io.Reader) (err error) {
		data, err = io.ReadAll(io.LimitReader(body, 16<<20))
		return err
	})
	if notFound(err) {
		return release{}, err
	}
	if err != nil {
		return release{}, unreachable("the release file of "+suite, address, err)
	}
	keys, err := a.keys()
	if err != nil {
		return release{}, err
	}
	r, err := openRelease(data, keys, a.now())
	if err != nil {
		return release{}, diag.Fail(diag.ExitBuild, "the release file %s cannot be trusted", redacted(address)).Because(err).
			WithHint("the mirror may be broken, or not Debian's; a mirror signed with other keys needs SLIPWAY_DEBIAN_KEYRING=<file of public keys>")
	}
	if r.codename != suite {
		return release{}, diag.Fail(diag.ExitBuild, "the release file %s is that of %q, not of %q", redacted(address), r.codename, suite).
			WithHint("the mirror is broken; SLIPWAY_DEBIAN_MIRROR names another one")
	}
	if !r.validUntil.IsZero() && a.now().After(r.validUntil) {
		a.events.Emit(event.Note{Warning: true, Text: fmt.Sprintf("the release file of %s was valid until %s; the mirror may be stale", suite, r.validUntil.Format(time.DateOnly))})
	}
	return r, nil
}

// packages is the index file of an architecture, by its path in the suite.
func (s openSuite) packages(arch string) (name string, want content, err error) {
	for _, ext := range []string{"gz", "xz"} { // gz unpacks five times as fast
		name := "main/binary-" + arch + "/Packages." + ext
		if want, ok := s.files[name]; ok {
			return name, want, nil
		}
	}
	return "", content{}, diag.Fail(diag.ExitBuild, "suite %s has no packages for %s", s.suite, arch)
}

// read adds the packages of a suite to the index of an architecture.
func (a *archiveReader) read(ctx context.Context, s openSuite, arch string, into *index) error {
	name, want, err := s.packages(arch)
	if err != nil {
		return err
	}
	address := s.mirror + "/dists/" + s.suite + "/" + name
	if s.byHash {
		address = address[:strings.LastIndexByte(address, '/')] + "/by-hash/SHA256/" + want.hex // exists also while the mirror is updated
	}
	what := "the package index of " + s.suite + " for " + arch
	packed, err := a.cache.read(ctx, what, want, func() ([]string, error) { return []string{address}, nil })
	if err != nil {
		return err
	}
	plain, err := decompress(arMember{name: name, data: packed})
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", what, err)
	}
	text := bytes.NewBuffer(make([]byte, 0, 5*len(packed)))
	if _, err := text.ReadFrom(plain); err != nil {
		return fmt.Errorf("unpacking %s: %w", what, err)
	}
	into.add(text.Bytes(), s.archive)
	return nil
}

func newIndex() *index {
	return &index{packages: map[string][]stanza{}, archive: map[string]string{}, provides: map[string][]string{}}
}

// add enters the paragraphs of a Packages file.
func (x *index) add(text []byte, archive string) {
	stanzas(text, func(s stanza) bool {
		first, _, _ := bytes.Cut(s, []byte("\n"))
		name, ok := strings.CutPrefix(string(first), "Package: ")
		if !ok {
			name = s.field("Package")
		}
		if name == "" {
			return true
		}
		x.packages[name] = append(x.packages[name], s)
		if archive != archiveMain {
			x.archive[s.field("Filename")] = archive
		}
		if bytes.Contains(s, []byte("\nProvides:")) {
			for _, or := range parseRelations(s.field("Provides")) {
				x.provides[or[0].name] = append(x.provides[or[0].name], name)
			}
		}
		return true
	})
}

// best returns the newest version of a package, or false.
func (x *index) best(name string) (candidate, bool, error) {
	var best candidate
	found := false
	for _, s := range x.packages[name] {
		c, err := x.parse(name, s)
		if err != nil {
			return candidate{}, false, err
		}
		if !found || version.Compare(c.version, best.version) > 0 {
			best, found = c, true
		}
	}
	return best, found, nil
}

func (x *index) parse(name string, s stanza) (candidate, error) {
	f := s.fields("Version", "SHA256", "Filename", "Size", "Pre-Depends", "Depends")
	v, err := version.Parse(f[0])
	if err != nil {
		return candidate{}, fmt.Errorf("package %s: %w", name, err)
	}
	size, err := strconv.ParseInt(f[3], 10, 64)
	if err != nil || !isHex(f[1], 64) || !safePool(f[2]) {
		return candidate{}, fmt.Errorf("package %s %s: its entry in the index cannot be read", name, f[0])
	}
	c := candidate{name: name, version: v, text: f[0]}
	c.pin = DebPin{Name: name, Version: f[0], SHA256: f[1], Size: size, Path: f[2], Archive: x.archive[f[2]]}
	c.depends = append(parseRelations(f[4]), parseRelations(f[5])...)
	return c, nil
}

// safePool tells whether a path is one below an archive's root.
func safePool(p string) bool {
	return p != "" && path.Clean("/"+p) == "/"+p && !strings.ContainsAny(p, "?#\\ ")
}

// parseRelations reads a Depends field: comma-separated, alternatives by "|".
func parseRelations(text string) [][]relation {
	var all [][]relation
	for clause := range strings.SplitSeq(text, ",") {
		var or []relation
		for alternative := range strings.SplitSeq(clause, "|") {
			name, rest, _ := strings.Cut(strings.TrimSpace(alternative), "(")
			name, _, _ = strings.Cut(strings.TrimSpace(name), " ")
			name, _, _ = strings.Cut(name, ":")
			if name == "" {
				continue
			}
			r := relation{name: name}
			if inner, _, ok := strings.Cut(rest, ")"); ok {
				inner = strings.TrimSpace(inner)
				r.op = inner[:len(inner)-len(strings.TrimLeft(inner, "<>="))]
				r.version = strings.TrimSpace(inner[len(r.op):])
			}
			or = append(or, r)
		}
		if len(or) > 0 {
			all = append(all, or)
		}
	}
	return all
}

// satisfied tells whether a version fulfils the relation.
func (r relation) satisfied(v version.Version) bool {
	want, err := version.Parse(r.version)
	if r.op == "" || err != nil {
		return true
	}
	c := version.Compare(v, want)
	switch r.op {
	case "<<":
		return c < 0
	case "<=":
		return c <= 0
	case "=":
		return c == 0
	case ">=":
		return c >= 0
	case ">>":
		return c > 0
	}
	return true
}
