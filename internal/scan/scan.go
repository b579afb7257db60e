package scan

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/advisory/osv"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/inventory"
	"github.com/slipway-build/slipway/internal/origin"
	"github.com/slipway-build/slipway/internal/proof/layer"
)

// The codes of findings about scans.
const (
	CodeOld      = "SLP630" // the database of vulnerabilities is old
	CodeMissing  = "SLP631" // it lacks an ecosystem of the image
	CodeHistory  = "SLP632" // not all of the history of git was searched
	CodeUnlisted = "SLP635" // the packages of an image's system are not listed
	CodeLong     = "SLP634" // a file is too long to search all of it for secrets
	CodeUnpinned = "SLP633" // no lock file pins the dependencies of a manifest
)

// Own is Result.Scanner of Slipway's own search.
const Own = "slipway"

// Result is what a scan found. Its keys are an interface to scripts.
type Result struct {
	Image           string             `json:"image,omitempty"`
	Digest          string             `json:"digest,omitempty"`
	Directory       string             `json:"directory,omitempty"`
	Scanner         string             `json:"scanner"`
	Packages        int                `json:"packages"`
	Unpinned        []string           `json:"unpinned,omitempty"` // manifests whose dependencies no lock file pins
	Database        *advisory.Database `json:"database"`           // null: vulnerabilities are not known
	Vulnerabilities []advisory.Hit     `json:"vulnerabilities"`
	Secrets         []gate.Secret      `json:"secrets"`
	Unsearched      []string           `json:"unsearched,omitempty"` // files that are too long to search all of them for secrets
	History         *origin.Walked     `json:"history,omitempty"`    // of git, that was searched for secrets
}

// Options of a scan.
type Options struct {
	Database string // directory of the database
	VEX      []advisory.VEX
}

// Image scans an image. Without a database its vulnerabilities are not known, and
// Result.Database is nil.
func Image(s Subject, planned []inventory.Package, o Options) (Result, error) {
	list := s.Inventory(planned)
	r := Result{Image: s.Name, Digest: s.Digest, Scanner: Own, Packages: len(list.Packages), Secrets: s.Secrets(), Unsearched: s.Unsearched()}
	err := r.match(list, s.reach(), o)
	return r, err
}

// Directory scans a source tree: what its lock files pin, and its secrets.
func Directory(name string, tree fs.FS, o Options) (Result, error) {
	list, err := inventory.Locked(tree)
	if err != nil {
		return Result{}, err
	}
	r := Result{Directory: name, Scanner: Own, Packages: len(list.Packages), Unpinned: list.Unpinned}
	if r.Secrets, r.Unsearched, err = SourceSecrets(tree); err != nil {
		return Result{}, err
	}
	err = r.match(list, nil, o)
	return r, err
}

// match fills in the vulnerabilities.
func (r *Result) match(list inventory.Inventory, reach advisory.Reacher, o Options) error {
	r.Vulnerabilities = []advisory.Hit{}
	db, err := osv.Open(o.Database)
	if errors.Is(err, osv.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	hits, err := advisory.Match(list.Packages, db, reach)
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	state := db.State(ecosystemsOf(list))
	r.Database = &state
	if len(hits) > 0 {
		r.Vulnerabilities = hits
		r.dismiss(o.VEX)
	}
	return nil
}

// dismiss marks what the documents say does not count.
func (r *Result) dismiss(vex []advisory.VEX) {
	if len(r.Vulnerabilities) > 0 && len(vex) > 0 {
		name, _, _ := strings.Cut(r.Image[strings.LastIndexByte(r.Image, '/')+1:], ":")
		r.Vulnerabilities = advisory.Dismiss(r.Vulnerabilities, []string{r.Image, r.Digest, "pkg:oci/" + name + "@" + r.Digest}, vex)
	}
}

// ecosystemsOf are those that an inventory has packages of. A system whose packages
// cannot be looked up counts as an ecosystem of its own, which no database has.
func ecosystemsOf(list inventory.Inventory) (out []string) {
	for _, p := range list.Packages {
		name := advisory.Ecosystem(p.Type)
		if (p.Type == inventory.Debian || p.Type == inventory.Alpine) && p.Release == "" {
			name = list.System
		}
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	if list.System != "" && !slices.Contains(out, list.System) {
		out = append(out, list.System)
	}
	slices.Sort(out)
	return out
}

// reach looks up vulnerable functions in the tables of an image's programs of Go.
func (s Subject) reach() advisory.Reacher {
	programs := map[string]*layer.Program{}
	for _, l := range s.Layers {
		for p, f := range l.Index.Facts {
			if f.Program != nil {
				programs[p] = f.Program
			}
		}
	}
	return func(p inventory.Package, imports []advisory.Import) advisory.Reach {
		program := programs[p.Path]
		if program == nil || program.Names == "" || p.Type != inventory.Go {
			return advisory.NotKnown
		}
		for _, i := range imports {
			symbols := i.Symbols
			if len(symbols) == 0 {
				symbols = []string{""}
			}
			for _, name := range symbols {
				if program.HasFunction(i.Path, name) {
					return advisory.Imported
				}
			}
		}
		return advisory.NotCalled
	}
}

// old is the age from which a database gives a warning.
const old = 7 * 24 * time.Hour

// Warnings says what the result does not cover.
func (r Result) Warnings(now time.Time) (out diag.Findings) {
	if h := r.History; h != nil && (h.Cut || h.Shallow) {
		f := diag.Finding{Code: CodeHistory, Severity: diag.Warning, Text: fmt.Sprintf("only the newest %d commits were searched for secrets", h.Commits), Hint: "scan an older clone too, or a directory of the repository"}
		if h.Shallow {
			f.Text, f.Hint = "the clone is shallow: older commits were not searched for secrets", "git fetch --unshallow"
		}
		out = append(out, f)
	}
	if len(r.Unsearched) > 0 {
		out = append(out, diag.Finding{Code: CodeLong, Severity: diag.Warning, Hint: "search them with another tool, or keep them out of the image and the repository",
			Text: "only the first 32 MB of " + some(r.Unsearched) + " were searched for secrets"})
	}
	if len(r.Unpinned) > 0 {
		out = append(out, diag.Finding{Code: CodeUnpinned, Severity: diag.Warning, Hint: "commit a lock file, or scan the built image, which has every package: slipway scan SERVICE",
			Text: "no lock file that slipway reads pins the dependencies of " + some(r.Unpinned) + ": not all of them were searched"})
	}
	if r.Database == nil {
		return out
	}
	if age := now.Sub(r.Database.Updated); age > old && !r.Database.Updated.IsZero() {
		out = append(out, diag.Finding{Code: CodeOld, Severity: diag.Warning, Hint: "slipway scan --update",
			Text: "the database of vulnerabilities is " + days(age) + " old: newer vulnerabilities are not found"})
	}
	for _, name := range r.Database.Missing {
		f := diag.Finding{Code: CodeMissing, Severity: diag.Warning, Hint: "slipway scan --update, from a mirror that has it",
			Text: "the database has no advisories for " + name + ": vulnerabilities of those packages are not known"}
		if !slices.Contains(advisory.Ecosystems(), name) { // no mirror has them in a form that Slipway reads
			f.Hint = "use a base of Debian or Alpine, or a scanner that reads this system: slipway scan IMAGE --scanner grype"
		}
		out = append(out, f)
	}
	return out
}

// Unlisted says which packages of an image an inventory lacks.
func Unlisted(list inventory.Inventory) (out diag.Findings) {
	if system := list.Unlisted(); system != "" {
		out = append(out, diag.Finding{Code: CodeUnlisted, Severity: diag.Warning, Hint: "use a base of Debian or Alpine, or another tool for these packages",
			Text: "the packages of " + system + " are not listed: slipway reads those of Debian and Alpine"})
	}
	return out
}

// some names the first of many.
func some(list []string) string {
	const shown = 3
	if len(list) > shown+1 {
		return fmt.Sprintf("%s and %d others", strings.Join(list[:shown], ", "), len(list)-shown)
	}
	return strings.Join(list, ", ")
}

// NotSearched says why the vulnerabilities are not known, "" when they are: a search that
// looked at nothing of what is there finds nothing.
func (r Result) NotSearched() string {
	switch why := r.Database.Unsearched(); {
	case len(r.Unpinned) > 0 && r.Packages == 0 && r.Database != nil:
		return "no lock file that slipway reads pins the dependencies of " + some(r.Unpinned)
	case r.Database != nil && len(r.Database.Missing) == 0: // nothing is there
		return ""
	default:
		return why
	}
}

// Worst counts the hits that are at least as bad as a severity. Those that are dismissed
// do not count, nor those whose code is not compiled in, as for gates. Those of unknown
// severity count as high.
func (r Result) Worst(limit advisory.Severity) (n int) {
	for _, h := range r.Vulnerabilities {
		if h.Dismissed == "" && h.Reach != advisory.NotCalled && h.Severity.Counted().Rank() <= limit.Rank() {
			n++
		}
	}
	return n
}
