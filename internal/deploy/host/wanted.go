package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/diag"
)

// wanted is what is to run on a machine.
type wanted struct {
	Schema       int                     `json:"schema"`
	Environments map[string]*environment `json:"environments"`
}

// environment is a set of services that find each other.
type environment struct {
	Names    map[string]string   `json:"names,omitempty"` // further names of services
	Order    []string            `json:"order"`           // of the services' addresses; no service leaves it
	Services map[string]*service `json:"services"`
	Routes   []Route             `json:"routes,omitempty"`
}

// service is what is to run of a service.
type service struct {
	Sides   map[string]*side `json:"sides"`          // by the key of the workload
	Main    string           `json:"main,omitempty"` // the side that has the traffic that Fresh has not
	Fresh   string           `json:"fresh,omitempty"`
	Share   int              `json:"share,omitempty"`   // of Fresh, in percent
	Sticky  bool             `json:"sticky,omitempty"`  // a client stays on its side while both have traffic
	Preview string           `json:"preview,omitempty"` // the side that routes with Preview show; it has no traffic yet
}

// side is a workload and how many of it are to run.
type side struct {
	Workload Workload `json:"workload"`
	Count    int      `json:"count"`
	Retired  bool     `json:"retired,omitempty"` // it ends its requests, and goes
}

// Route is what clients from outside reach. Without a host and path it is a whole address.
type Route struct {
	Listen      string `json:"listen,omitempty"` // address and port
	Host        string `json:"host,omitempty"`
	Path        string `json:"path,omitempty"`
	Service     string `json:"service"`
	Preview     bool   `json:"preview,omitempty"`     // the side that has no traffic yet
	Certificate string `json:"certificate,omitempty"` // files of this machine, PEM
	Key         string `json:"key,omitempty"`
	ACME        bool   `json:"acme,omitempty"`      // the certificate comes from an authority
	Directory   string `json:"directory,omitempty"` // of the authority; "": Let's Encrypt
	Email       string `json:"email,omitempty"`     // for the authority
	Gateway     string `json:"gateway,omitempty"`   // of Kubernetes, where Listen and Key are "", and Certificate a Secret
}

// secure reports a route with TLS.
func (r Route) secure() bool { return r.Certificate != "" || r.ACME }

// schema is that of this version.
const schema = 1

func wantedPath(dir string) string { return filepath.Join(dir, "wanted.json") }

// readWanted reads what is to run; without a file, nothing is.
func readWanted(dir string) (wanted, error) {
	w := wanted{Schema: schema, Environments: map[string]*environment{}}
	data, err := os.ReadFile(wantedPath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &w)
	}
	if err == nil && w.Schema != schema {
		err = fmt.Errorf("it is of schema %d, and this slipway knows schema %d", w.Schema, schema)
	}
	if err != nil {
		return w, diag.Fail(diag.ExitRun, "what is to run on this host cannot be read: %s", wantedPath(dir)).Because(err).
			WithHint("a newer slipway may have written it; else move the file away, and deploy again")
	}
	return w, nil
}

// sweep removes files that a killed process, or a machine without power, left half-written:
// package atomicfile begins their names with a dot, and no others begin so.
func sweep(dir string) error {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.HasPrefix(d.Name(), ".") {
			return os.Remove(path)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// environment returns an environment, a new one when there is none.
func (w *wanted) environment(name string) *environment {
	env := w.Environments[name]
	if env == nil {
		env = &environment{Services: map[string]*service{}}
		w.Environments[name] = env
	}
	return env
}

// name gives a service its address, and further names.
func (e *environment) name(service string, names []string) {
	if !slices.Contains(e.Order, service) {
		e.Order = append(e.Order, service)
	}
	for _, other := range names {
		if e.Names == nil {
			e.Names = map[string]string{}
		}
		e.Names[other] = service
	}
}

// keep writes what is to run; h.mu is held.
func (h *Host) keep() error {
	data, err := json.Marshal(h.wanted)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(wantedPath(h.opts.Dir), data, atomicfile.Options{Mode: 0o600, Sync: true}); err != nil {
		return diag.Fail(diag.ExitRun, "what is to run on this host cannot be written").Because(err).WithHint("see whether its disk is full: slipway doctor")
	}
	return nil
}

// change changes what is to run of a service, and keeps it. When that fails, nothing is
// changed.
func (h *Host) change(at place, do func(*service) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.leaving {
		return leaving()
	}
	before, err := json.Marshal(h.wanted)
	if err != nil {
		return err
	}
	env := h.wanted.environment(at.environment)
	s := env.Services[at.service]
	if s == nil {
		s = &service{Sides: map[string]*side{}}
		env.Services[at.service] = s
	}
	env.name(at.service, nil)
	err = do(s)
	if sd := s.Sides[s.Preview]; sd == nil || sd.Retired || s.Main == s.Preview {
		s.Preview = ""
	}
	if err == nil {
		err = h.keep()
	}
	if err != nil {
		var old wanted
		if json.Unmarshal(before, &old) == nil {
			h.wanted = old
		}
		return err
	}
	h.wake()
	return nil
}

// Scale sets how many of a workload are to run. With preview, routes with Preview show them
// until they get traffic.
func (h *Host) Scale(at place, w Workload, count int, preview bool) error {
	if count < 0 || w.Release == "" || w.Image == "" {
		return diag.Fail(diag.ExitUsage, "%d of %s cannot run", count, at.service)
	}
	return h.change(at, func(s *service) error {
		sd := s.Sides[w.Key()]
		if sd == nil {
			sd = &side{Workload: w}
			s.Sides[w.Key()] = sd
		}
		sd.Count, sd.Retired = count, false
		if preview {
			s.Preview = w.Key()
		}
		return nil
	})
}

// Shift gives a side a share of the traffic, in percent; the other side has the rest. With
// sticky, clients stay where they are, or move to the side whose share grows.
func (h *Host) Shift(at place, key string, share int, sticky bool) error {
	return h.change(at, func(s *service) error {
		if s.Sides[key] == nil && share > 0 {
			return noSide(at, key)
		}
		switch {
		case share >= 100 || s.Main == "":
			s.Main, s.Fresh, s.Share = key, "", 0
		case share <= 0 && s.Fresh == key:
			s.Fresh, s.Share = "", 0
		case share > 0 && s.Main != key:
			s.Fresh, s.Share, s.Sticky = key, share, sticky
		}
		return nil
	})
}

// Return gives all of the traffic back to a side.
func (h *Host) Return(at place, key string) error {
	return h.change(at, func(s *service) error {
		if s.Sides[key] == nil {
			return noSide(at, key)
		}
		s.Main, s.Fresh, s.Share = key, "", 0
		return nil
	})
}

// Retire lets a side end its requests, and removes it. One that is gone is no error.
func (h *Host) Retire(at place, key string) error {
	return h.change(at, func(s *service) error {
		if sd := s.Sides[key]; sd != nil {
			sd.Count, sd.Retired = 0, true
		}
		if s.Fresh == key {
			s.Fresh, s.Share = "", 0
		}
		return nil
	})
}

func noSide(at place, key string) error {
	return diag.Fail(diag.ExitUsage, "%s has no side %s", at.service, key).WithHint("slipway deploy status shows what there is")
}
