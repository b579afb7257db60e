package host

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// Rollout is one deploy of a release to an environment: all that another machine needs to
// go on with it.
type Rollout struct {
	ID          string            `json:"id"`
	Environment string            `json:"environment"`
	Fleet       string            `json:"fleet"`
	Version     string            `json:"version"`
	Replaces    string            `json:"replaces,omitempty"` // the version before
	By          string            `json:"by,omitempty"`
	Reason      string            `json:"reason,omitempty"` // of a rollback
	Started     time.Time         `json:"started"`
	Services    []string          `json:"services,omitempty"` // of the release, changed or not
	Waves       [][]Part          `json:"waves"`
	Routes      []Route           `json:"routes,omitempty"`
	Hooks       map[string][]Hook `json:"hooks,omitempty"`      // by when: before, after, rollback
	OldRoutes   []Route           `json:"old_routes,omitempty"` // to go back to

	Ended   time.Time      `json:"ended,omitzero"`
	Outcome deploy.Outcome `json:"outcome,omitempty"`
	Why     string         `json:"why,omitempty"` // it was rolled back
}

// Part is one service of a rollout.
type Part struct {
	Spec   deploy.Spec        `json:"spec"` // Release and Replaces are keys of workloads
	New    Workload           `json:"new"`
	Old    *Workload          `json:"old,omitempty"`
	Checks []plan.HealthCheck `json:"checks,omitempty"`
	Limits Limits             `json:"limits,omitzero"`

	Autoscale deploy.Autoscale `json:"autoscale,omitzero"` // of New, when the rollout has ended
	Scaled    bool             `json:"scaled,omitempty"`   // an autoscaler changes the number of Old, or of New, before it

	Commands []Command `json:"commands,omitempty"` // checks in the image of New
	Tests    []Test    `json:"tests,omitempty"`
	Queries  []Query   `json:"queries,omitempty"`
}

// Command is a check that exits with 0.
type Command struct {
	Command []string      `json:"command"`
	Timeout time.Duration `json:"timeout"`
}

// Test is a check that is a quality stage of the service, run against the new side by the
// machine that deploys. It runs again while it fails and Within has not passed.
type Test struct {
	Stage  string        `json:"stage"`
	Within time.Duration `json:"within"`
}

// Query is a check that asks Prometheus for a number.
type Query struct {
	Address string   `json:"address"`
	Query   string   `json:"query"`
	Below   *float64 `json:"below,omitempty"`
	Above   *float64 `json:"above,omitempty"`
}

// Hook is a command around a rollout.
type Hook struct {
	Service  string        `json:"service"`
	Workload Workload      `json:"workload"`
	Command  []string      `json:"command,omitempty"`
	Timeout  time.Duration `json:"timeout"`
}

// Limits are what a canary has to keep, against the side that runs.
type Limits struct {
	ErrorRate float64 `json:"error_rate,omitempty"` // percent more
	P95       float64 `json:"p95,omitempty"`        // factor
	Samples   int     `json:"samples,omitempty"`    // least
}

// Lock is who changes an environment.
type Lock struct {
	Holder  string    `json:"holder"` // a Client
	Rollout string    `json:"rollout"`
	Process int       `json:"process,omitempty"` // on the machine of By
	Machine string    `json:"machine,omitempty"` // account.Machine of that
	By      string    `json:"by,omitempty"`
	Since   time.Time `json:"since"`
	Expires time.Time `json:"expires"`
}

// lease is how long a lock lasts that its holder does not renew.
const lease = 30 * time.Second

var idForm = pattern.Lazy(`^[0-9A-Za-z][0-9A-Za-z._+-]{0,199}$`)

func (h *Host) rolloutDir(environment, id string) (string, error) {
	if !idForm().MatchString(environment) || !idForm().MatchString(id) {
		return "", diag.Fail(diag.ExitUsage, "%q and %q are no environment and rollout", environment, id)
	}
	return filepath.Join(h.opts.Dir, "rollouts", environment, id), nil
}

// Keep writes a rollout of an environment, for its holder.
func (h *Host) Keep(holder, environment string, r Rollout) error {
	dir, err := h.rolloutDir(environment, r.ID)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.mine(environment, holder); err != nil {
		return err
	}
	if h.leaving {
		return leaving()
	}
	env := h.wanted.environment(environment)
	for _, p := range slices.Concat(r.Waves...) { // those that start first find those that start later
		env.name(p.Spec.Service, p.New.Names)
	}
	data, err := json.Marshal(r)
	if err == nil {
		err = h.keep()
	}
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = atomicfile.Write(filepath.Join(dir, "rollout.json"), data, atomicfile.Options{Mode: 0o600, Sync: true})
	}
	return unwritten(err)
}

// unwritten explains why something cannot be kept on this host.
func unwritten(err error) error {
	if err == nil {
		return nil
	}
	return diag.Fail(diag.ExitRun, "the host cannot write what it has to keep").Because(err).WithHint("see whether the disk of the host is full: slipway doctor")
}

// Rollouts are those of an environment, the newest first.
func (h *Host) Rollouts(environment string) ([]Rollout, error) {
	dir, err := h.rolloutDir(environment, "x")
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Dir(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []Rollout
	for _, e := range entries {
		var r Rollout
		path := filepath.Join(filepath.Dir(dir), e.Name(), "rollout.json")
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(data, &r)
		}
		if err != nil {
			return out, diag.Fail(diag.ExitRun, "the record of the rollout %s in %s cannot be read", e.Name(), path).Because(err).
				WithHint("what runs does not need it; move it away on the host: mv %s /tmp", filepath.Dir(path))
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Rollout) int { return b.Started.Compare(a.Started) })
	return out, nil
}

// Append adds an entry to the journal of a service. Entries of a loop need the lock; what
// a person asks for does not.
func (h *Host) Append(holder, environment, id, service string, e deploy.Entry) error {
	dir, err := h.rolloutDir(environment, id)
	if err != nil {
		return err
	}
	if !idForm().MatchString(service) {
		return diag.Fail(diag.ExitUsage, "%q is no service", service)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if e.Asked == "" {
		if err := h.mine(environment, holder); err != nil {
			return err
		}
	}
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return unwritten(appendLine(filepath.Join(dir, service+".jsonl"), data))
}

// appendLine adds a line to a file and syncs it. A torn line of a killed process before it
// is ended, so that it spoils nothing but itself.
func appendLine(path string, line []byte) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Seek(0, 2)
	if err != nil {
		return err
	}
	last := []byte{'\n'}
	if size > 0 {
		if _, err := f.ReadAt(last, size-1); err != nil {
			return err
		}
	}
	if last[0] != '\n' {
		line = append([]byte{'\n'}, line...)
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		return err
	}
	return f.Sync()
}

// Entries are the journal of a service.
func (h *Host) Entries(environment, id, service string) ([]deploy.Entry, error) {
	dir, err := h.rolloutDir(environment, id)
	if err != nil {
		return nil, err
	}
	return readLines[deploy.Entry](filepath.Join(dir, service+".jsonl"))
}

// readLines reads what appendLine wrote. A torn line of a killed process was not done.
func readLines[T any](path string) ([]T, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []T
	for line := range bytes.Lines(data) {
		var one T
		if json.Unmarshal(line, &one) == nil {
			out = append(out, one)
		}
	}
	return out, nil
}

// Approval is a person's word that a release may come to an environment.
type Approval struct {
	Version string    `json:"version"`
	Content string    `json:"content"` // SHA-256 of what the release pins
	By      string    `json:"by"`
	Reason  string    `json:"reason,omitempty"`
	At      time.Time `json:"at"`
}

// Approve notes an approval.
func (h *Host) Approve(environment string, a Approval) error {
	dir, err := h.rolloutDir(environment, "x")
	if err != nil {
		return err
	}
	if a.Version == "" || a.Content == "" || a.By == "" {
		return diag.Fail(diag.ExitUsage, "an approval says of what, and by whom")
	}
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return unwritten(err)
	}
	return unwritten(appendLine(filepath.Dir(dir)+".approvals", data))
}

// Approvals are all that were noted for an environment.
func (h *Host) Approvals(environment string) ([]Approval, error) {
	dir, err := h.rolloutDir(environment, "x")
	if err != nil {
		return nil, err
	}
	return readLines[Approval](filepath.Dir(dir) + ".approvals")
}

// Take takes the lock of an environment, or renews it. Another holder's is an error that
// says who, unless it has expired or is forced, and is returned.
func (h *Host) Take(environment string, l Lock, force bool) (before Lock, err error) {
	dir, err := h.rolloutDir(environment, l.Rollout)
	if err != nil {
		return Lock{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	before = h.lock(environment)
	if before.Holder != "" && before.Holder != l.Holder && now.Before(before.Expires) && !force {
		return before, locked(environment, before)
	}
	l.Since, l.Expires = now, now.Add(lease)
	if before.Holder == l.Holder {
		l.Since = before.Since
	}
	data, err := json.Marshal(l)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(dir), 0o700)
	}
	if err == nil {
		err = atomicfile.Write(filepath.Dir(dir)+".lock", data, atomicfile.Options{Mode: 0o600, Sync: true})
	}
	return before, unwritten(err)
}

// Release gives the lock back; that of another holder stays.
func (h *Host) Release(environment, holder string) error {
	dir, err := h.rolloutDir(environment, "x")
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lock(environment).Holder != holder {
		return nil
	}
	if err := os.Remove(filepath.Dir(dir) + ".lock"); !errors.Is(err, fs.ErrNotExist) {
		return unwritten(err)
	}
	return nil
}

// Locked is who changes an environment now; without a Holder, nobody does.
func (h *Host) Locked(environment string) Lock {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l := h.lock(environment); time.Now().Before(l.Expires) {
		return l
	}
	return Lock{}
}

// lock reads the lock; one that cannot be read is nobody's.
func (h *Host) lock(environment string) (l Lock) {
	data, err := os.ReadFile(filepath.Join(h.opts.Dir, "rollouts", environment+".lock"))
	if err != nil || json.Unmarshal(data, &l) != nil {
		return Lock{}
	}
	return l
}

// mine refuses whoever has not the lock.
func (h *Host) mine(environment, holder string) error {
	l := h.lock(environment)
	if l.Holder == holder && holder != "" {
		return nil
	}
	return locked(environment, l)
}

func locked(environment string, l Lock) error {
	environment, _ = unscoped(environment)
	if l.Holder == "" {
		return diag.Fail(diag.ExitDeployStopped, "nobody holds the lock of %s, and this needs it", environment).WithHint("slipway deploy resume %s", environment)
	}
	return diag.Fail(diag.ExitDeployStopped, "%s is being changed: by %s (process %d), rollout %s, since %s", environment, l.By, l.Process, l.Rollout, strings.Replace(l.Since.UTC().Format(time.DateTime), " ", " at ", 1)+" UTC").
		WithHint("wait for it, look: slipway deploy status %[1]s; or, when its process is gone: slipway deploy resume %[1]s --force-unlock", environment)
}
