package debian

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"

	"github.com/slipway-build/slipway/internal/baseimage/download"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
)

// The archives of Debian, as slipway.lock names them.
const (
	Main     = "debian"
	Security = "debian-security"
)

// Archives reads signed indexes of Debian archives.
type Archives struct {
	Cache  *download.Cache
	Keys   func() (openpgp.EntityList, error) // reading them takes milliseconds
	Now    func() time.Time
	Events event.Sink
}

// Suite is one suite of one archive.
type Suite struct {
	Archive  string   // Main or Security
	Name     string   // "trixie-updates"
	Mirrors  []string // tried in order; no slash at the end
	Optional bool     // Open returns nil when no mirror has it
}

// OpenSuite is a Suite whose release file was checked.
type OpenSuite struct {
	Suite
	release
	mirror string
}

// Open reads and checks the InRelease of a suite from the first mirror that is
// Debian's and has the suite. It returns nil for an optional suite that none has.
func (a *Archives) Open(ctx context.Context, s Suite) (*OpenSuite, error) {
	var failed, absent error
	for _, m := range s.Mirrors {
		address := m + "/dists/" + s.Name + "/InRelease"
		r, err := a.openAt(ctx, s.Name, address)
		switch {
		case download.NotFound(err):
			absent = err
		case err != nil && failed == nil:
			failed = err // another mirror may still do: apt's sources list other vendors' archives too
		case err == nil && r.origin != "Debian":
			absent = fmt.Errorf("%s is an archive of %q, not of Debian", download.Redacted(m), r.origin)
		case err == nil:
			return &OpenSuite{s, r, m}, nil
		}
	}
	if failed != nil {
		return nil, failed
	}
	if s.Optional {
		return nil, nil
	}
	return nil, diag.Fail(diag.ExitBuild, "no configured Debian mirror has the suite %q", s.Name).Because(absent).
		WithHint("SLIPWAY_DEBIAN_MIRROR names another mirror")
}

// openAt reads and checks one release file.
func (a *Archives) openAt(ctx context.Context, suite, address string) (release, error) {
	var data []byte
	err := a.Cache.Get(ctx, address, func(body io.Reader) (err error) {
		data, err = io.ReadAll(io.LimitReader(body, 16<<20))
		return err
	})
	if download.NotFound(err) {
		return release{}, err
	}
	if err != nil {
		return release{}, download.Unreachable("the release file of "+suite, address, err)
	}
	keys, err := a.Keys()
	if err != nil {
		return release{}, err
	}
	r, err := openRelease(data, keys, a.Now())
	if err != nil {
		return release{}, diag.Fail(diag.ExitBuild, "the release file %s cannot be trusted", download.Redacted(address)).Because(err).
			WithHint("the mirror may be broken, or not Debian's; a mirror signed with other keys needs SLIPWAY_DEBIAN_KEYRING=<file of public keys>")
	}
	if r.codename != suite {
		return release{}, diag.Fail(diag.ExitBuild, "the release file %s is that of %q, not of %q", download.Redacted(address), r.codename, suite).
			WithHint("the mirror is broken; SLIPWAY_DEBIAN_MIRROR names another one")
	}
	if !r.validUntil.IsZero() && a.Now().After(r.validUntil) {
		a.Events.Emit(event.Note{Warning: true, Text: fmt.Sprintf("the release file of %s was valid until %s; the mirror may be stale", suite, r.validUntil.Format(time.DateOnly))})
	}
	return r, nil
}

// Packages is the index file of an architecture, by its path in the suite.
func (s OpenSuite) Packages(arch string) (name string, want download.Content, err error) {
	for _, ext := range []string{"gz", "xz"} { // gz unpacks five times as fast
		name := "main/binary-" + arch + "/Packages." + ext
		if want, ok := s.files[name]; ok {
			return name, want, nil
		}
	}
	return "", download.Content{}, diag.Fail(diag.ExitBuild, "suite %s has no packages for %s", s.Name, arch)
}

// Read adds the packages of a suite to the index of an architecture.
func (a *Archives) Read(ctx context.Context, s OpenSuite, arch string, into *Index) error {
	name, want, err := s.Packages(arch)
	if err != nil {
		return err
	}
	address := s.mirror + "/dists/" + s.Name + "/" + name
	if s.byHash {
		address = address[:strings.LastIndexByte(address, '/')] + "/by-hash/SHA256/" + want.Hex // exists also while the mirror is updated
	}
	what := "the package index of " + s.Name + " for " + arch
	packed, err := a.Cache.Read(ctx, what, want, func() ([]string, error) { return []string{address}, nil })
	if err != nil {
		return err
	}
	plain, err := decompress(name, bytes.NewReader(packed))
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", what, err)
	}
	text := bytes.NewBuffer(make([]byte, 0, 5*len(packed)))
	if _, err := text.ReadFrom(plain); err != nil {
		return fmt.Errorf("unpacking %s: %w", what, err)
	}
	into.Add(text.Bytes(), s.Archive)
	return nil
}
