package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// A language has a fleet of ten services, made from fleets/<name>.txtar.
type language struct {
	name, title string
	parts       []string // dependencies that some of the services have
	added       []string // dependencies that one service gets, one at a time; nobody has them before
}

func languages() []language {
	return []language{
		{"go", "Go", []string{"redis", "jwt", "cron"}, []string{"xid", "humanize", "lru", "shellquote", "match"}},
		{"python", "Python", []string{"redis", "jwt", "apscheduler"}, []string{"humanize", "tabulate", "inflection", "ulid", "texttable"}},
		{"java", "Java", []string{"caffeine", "jwt", "quartz"}, []string{"lang", "codec", "collections", "io", "gson"}},
		{"rust", "Rust", []string{"chrono", "regex", "base64"}, []string{"fastrand", "hex", "humantime", "roman", "semver"}},
	}
}

// serviceNames are those of every generated language fleet.
var serviceNames = [...]string{"accounts", "billing", "catalog", "delivery", "invoices", "ledger", "notices", "orders", "payments", "stock"}

// first is the state of a service before anybody edits it. Of three parts, its
// number says which it has: eight sets of dependencies among ten services.
func (l language) first(service string) edition {
	e := edition{Name: service, Number: slices.Index(serviceNames[:], service)}
	for i, p := range l.parts {
		if e.Number>>i&1 == 1 {
			e.Parts = append(e.Parts, p)
		}
	}
	return e
}

// later is a service with lines and dependencies that it did not have at first.
func (l language) later(service string, lines, added int) edition {
	e := l.first(service)
	e.Edits, e.Parts = lines, append(e.Parts, l.added[:added]...)
	return e
}

// write generates the fleet.
func (l language) write(dir string) error {
	config := bytes.NewBufferString("version: 1\nfleet: " + l.name + "\nservices:\n")
	for _, name := range serviceNames {
		fmt.Fprintf(config, "  %s: {type: http}\n", name)
		if err := writeEdition(filepath.Join(dir, name), l.name, l.first(name)); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "slipway.yaml"), config.Bytes(), 0o644)
}

// changes are what is built again; rounds is how often each.
func (l language) changes(rounds int) changes {
	rounds = min(rounds, quickRuns)
	edit := func(dir string, lines, added int) error {
		return writeEdition(dir, l.name, l.later(filepath.Base(dir), lines, added))
	}
	return changes{
		rounds:     rounds,
		line:       func(dir string, round int) error { return edit(dir, round+1, 0) },
		dependency: func(dir string, round int) error { return edit(dir, rounds, round+1) },
		usual: func(service string) ([]byte, error) {
			files, err := render(l.name, l.first(service))
			return files[usualName], err
		},
	}
}

// measure is the case of a language.
func (l language) measure(ctx context.Context, b *bench) (_ []Figure, err error) {
	dir, err := b.scratch("fleet-" + l.name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	rendered := filepath.Join(dir, "rendered")
	if err := l.write(rendered); err != nil {
		return nil, err
	}
	f, err := b.prepare(ctx, dir, rendered)
	if err != nil {
		return nil, err
	}
	f.title, f.goals, f.changes = l.title, goals{cold: 0.5, unchanged: 0.05, line: 0.5, dependency: 0.6}, l.changes(b.runs)
	return measureBuilds(ctx, b, f)
}
