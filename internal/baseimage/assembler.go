package baseimage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/baseimage/debian"
	"github.com/slipway-build/slipway/internal/baseimage/download"
	"github.com/slipway-build/slipway/internal/event"
)

// Store keeps finished images by name. Lookup's error is fs.ErrNotExist when
// there is none of that name.
type Store interface {
	Write(ctx context.Context, name string, index v1.ImageIndex) (v1.Hash, error)
	Lookup(ctx context.Context, name string) (v1.ImageIndex, error)
}

// Options of an Assembler. PackagesDir, StateDir and Store are required.
type Options struct {
	PackagesDir string // downloads, by digest; may be shared and may be deleted
	StateDir    string // resolutions and compressed layers
	Store       Store
	Lock        Lock                                        // of the repository; may be empty
	Mirrors     func(context.Context) (Mirrors, error)      // asked at most once, when the network is needed
	Keyring     string                                      // file of archive keys; empty: Debian's
	HTTP        *http.Client                                // nil: one with time limits; proxy and CA settings are the process's
	Probe       func(arch string, tls bool) ([]byte, error) // the static probe binary; nil: there is none
	ProbeID     func(arch string, tls bool) (string, error) // names the probe's bytes cheaply; nil: their SHA-256 is taken each time
	Scanner     func(arch string) ([]byte, error)           // the static security-scan binary; nil: there is none
	ScannerID   func(arch string) (string, error)           // as ProbeID
	Events      event.Sink                                  // nil: discarded
	Compression Compression
	Now         func() time.Time                                 // nil: time.Now
	Sleep       func(ctx context.Context, d time.Duration) error // between tries; nil: sleeps
}

// Assembler makes base images. Safe for concurrent use.
type Assembler struct {
	stateDir    string
	store       Store
	lock        Lock
	mirrors     func(context.Context) (Mirrors, error)
	archives    *debian.Archives
	packages    *download.Cache
	layers      layers
	compression Compression
	probe       func(arch string, tls bool) ([]byte, error)
	probeID     func(arch string, tls bool) (string, error)
	scanner     func(arch string) ([]byte, error)
	scannerID   func(arch string) (string, error)
	events      *transfers
	making      download.Keyed // by layer key
}

// New makes an Assembler. It touches neither disk nor network, but for the
// keyring file when one is named.
func New(o Options) (*Assembler, error) {
	if o.Events == nil {
		o.Events = event.Discard{}
	}
	if o.HTTP == nil {
		o.HTTP = download.PatientClient()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Probe == nil {
		o.Probe = func(string, bool) ([]byte, error) {
			return nil, errors.New("this slipway was built without the probe binary")
		}
	}
	if o.Scanner == nil {
		o.Scanner = func(string) ([]byte, error) {
			return nil, errors.New("this slipway was built without security-scan")
		}
	}
	if o.ScannerID == nil {
		o.ScannerID = func(arch string) (string, error) {
			return digestOf(func(arch string, _ bool) ([]byte, error) { return o.Scanner(arch) })(arch, false)
		}
	}
	if o.ProbeID == nil {
		o.ProbeID = digestOf(o.Probe)
	}
	events := &transfers{Sink: o.Events}
	a := &Assembler{
		stateDir: o.StateDir, store: o.Store, lock: o.Lock, compression: o.Compression.orDefault(), probe: o.Probe, probeID: o.ProbeID, scanner: o.Scanner, scannerID: o.ScannerID, events: events,
	}
	a.mirrors = onceMirrors(o.Mirrors)
	fetch := &download.Fetcher{Client: o.HTTP, Sleep: o.Sleep, Token: a.token}
	a.packages = download.NewCache(o.PackagesDir, fetch, events)
	keys := sync.OnceValues(func() (openpgp.EntityList, error) { return debian.Keys(o.Keyring) })
	a.archives = &debian.Archives{Cache: a.packages, Keys: keys, Now: o.Now, Events: o.Events}
	a.layers = layers{dir: filepath.Join(o.StateDir, "layers"), compression: a.compression}
	return a, nil
}

func onceMirrors(find func(context.Context) (Mirrors, error)) func(context.Context) (Mirrors, error) {
	var mu sync.Mutex
	var found *Mirrors
	return func(ctx context.Context) (Mirrors, error) {
		mu.Lock()
		defer mu.Unlock()
		if found == nil {
			if find == nil {
				return Mirrors{}, errors.New("no mirrors are configured")
			}
			m, err := find(ctx)
			if err != nil {
				return Mirrors{}, err
			}
			found = &m
		}
		return *found, nil
	}
}

// token is what the npm registry wants to see; no other address gets it.
func (a *Assembler) token(ctx context.Context, address string) string {
	m, err := a.mirrors(ctx)
	if err != nil || m.ofDebian(address) {
		return ""
	}
	if r := m.registries(); r.NPMToken != "" && strings.HasPrefix(address, r.NPM+"/") {
		return r.NPMToken
	}
	return ""
}

func (a *Assembler) debAddresses(ctx context.Context, p debian.Pin) func() ([]string, error) {
	return func() ([]string, error) {
		m, err := a.mirrors(ctx)
		if err != nil {
			return nil, err
		}
		bases := m.Debian
		if p.Archive == debian.Security {
			bases = m.Security
		}
		var out []string
		for _, b := range bases {
			out = append(out, b+"/"+p.Path)
		}
		return out, nil
	}
}

func (a *Assembler) npmAddresses(ctx context.Context, p NPMPin) func() ([]string, error) {
	return func() ([]string, error) {
		m, err := a.mirrors(ctx)
		if err != nil {
			return nil, err
		}
		r := m.registries()
		if r.NPM == "" {
			return nil, noNPM()
		}
		return []string{p.address(r.NPM)}, nil
	}
}

// digestOf names a probe by the SHA-256 of its bytes.
func digestOf(probe func(string, bool) ([]byte, error)) func(string, bool) (string, error) {
	return func(arch string, tls bool) (string, error) {
		data, err := probe(arch, tls)
		if err != nil {
			return "", err
		}
		sum := sha256.Sum256(data)
		return hex.EncodeToString(sum[:]), nil
	}
}
