// Package view shows running services to a person: their output line by line,
// with their names before it, changes of state, and on a terminal a table that
// stays below. It starts and stops nothing.
//
//	v := view.New(view.Streams{Out: os.Stdout, Err: os.Stderr}, group, true)
//	defer v.Close()
package view

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/report"
	"github.com/slipway-build/slipway/internal/terminal"
)

// Streams are where a view writes. It draws a table when Err is a terminal and
// Plain is not set, and colours names when Out is one too. Of what services write
// it keeps colours and makes other control characters harmless, unless it is Raw.
type Streams struct {
	Out, Err   io.Writer
	Plain, Raw bool
}

// Running is a group that a view asks while it runs.
type Running interface {
	Statuses() []localrun.Status
	Explain(service string) string // why a service failed
}

// View is a localrun.Watcher, safe for concurrent use.
type View struct {
	out, err io.Writer
	logs     bool // show what services write
	width    int  // of the longest name
	term     *os.File
	paint    report.Painter
	color    bool
	raw      bool

	Unnamed bool // no names before the lines; set it before the first

	mu      sync.Mutex
	running Running // nil until it runs
	explain bool    // why services fail
	order   []string
	states  map[string]localrun.Status
	done    chan struct{}
	close   sync.Once
}

// New makes a view for a group; logs says whether services' output is shown. Close
// it before anything else is printed.
func New(to Streams, g localrun.Group, logs bool) *View {
	v := Lines(to, nil)
	v.logs = logs
	for _, s := range g.Services {
		v.add(s.Name)
		v.states[s.Name] = localrun.Status{Service: s.Name, State: localrun.Waiting, MemoryLimitBytes: s.MemoryBytes}
	}
	if f, ok := to.Err.(*os.File); ok && !to.Plain && term.IsTerminal(int(f.Fd())) {
		v.term, v.paint.W = f, f
		go v.tick()
	}
	return v
}

// Lines makes a view that only prints output, with the names before it.
func Lines(to Streams, services []string) *View {
	v := &View{
		color: !to.Plain && isTerminal(to.Err) && isTerminal(to.Out),
		raw:   to.Raw,
		out:   to.Out, err: to.Err, logs: true, states: map[string]localrun.Status{}, done: make(chan struct{}),
	}
	for _, s := range services {
		v.add(s)
	}
	return v
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (v *View) add(service string) {
	v.order = append(v.order, service)
	v.width = max(v.width, len(service))
}

// Changed implements localrun.Watcher.
func (v *View) Changed(s localrun.Status) {
	v.mu.Lock()
	defer v.mu.Unlock()
	before := v.states[s.Service]
	v.states[s.Service] = s
	if before.State == s.State || s.State == localrun.Starting {
		v.redraw("")
		return
	}
	line := fmt.Sprintf("%-*s  %s", v.width, s.Service, stateText(s))
	if s.State == localrun.Unhealthy && s.LastProbe != "" {
		line += ": " + diag.Printable(s.LastProbe)
	}
	v.print(v.err, line+"\n")
	if v.explain && s.Failed() && (s.Exit == nil || !s.Exit.Stopped) {
		v.print(v.err, v.running.Explain(s.Service)+"\n")
	}
}

// Follow lets the view ask a group that runs: for the memory that its services
// use and, if wanted, for the reasons of failures from now on.
func (v *View) Follow(running Running, explain bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.running, v.explain = running, explain
}

// stateText is a state in words: "healthy after 320 ms", "exited (code 1)".
func stateText(s localrun.Status) string {
	switch {
	case s.State == localrun.Healthy && s.ReadyMillis > 0:
		return fmt.Sprintf("healthy after %d ms", s.ReadyMillis)
	case s.Exit != nil && s.Exit.OOMKilled:
		return "killed: out of memory, limit " + localrun.Megabytes(s.MemoryLimitBytes)
	case s.Exit != nil && s.Exit.Stopped:
		return "stopped"
	case s.Exit != nil && s.Exit.Signal != "":
		return fmt.Sprintf("exited (code %d, %s)", s.Exit.Code, s.Exit.Signal)
	case s.Exit != nil:
		return fmt.Sprintf("exited (code %d)", s.Exit.Code)
	}
	return string(s.State)
}

// Log implements localrun.Watcher.
func (v *View) Log(service string, line []byte) {
	if !v.logs {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.raw {
		v.write(v.out, v.prefix(service)+string(line)+"\n")
		return
	}
	for i, part := range bytes.Split(bytes.TrimRight(line, "\r"), []byte("\r")) { // which overwrites, as a progress bar does
		if i == 0 || len(part) > 0 {
			v.print(v.out, v.prefix(service)+terminal.Coloured(string(part))+"\n")
		}
	}
}

// prefix is the service's name before its lines, in a colour of its own.
func (v *View) prefix(service string) string {
	text := fmt.Sprintf("%-*s | ", v.width, service)
	if v.Unnamed {
		return ""
	}
	if !v.color {
		return text
	}
	for i, name := range v.order {
		if name == service {
			return report.Coloured(i, text)
		}
	}
	return text
}

// Note implements localrun.Watcher.
func (v *View) Note(text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.print(v.err, "note: "+terminal.Plain(text)+"\n")
}

// Close removes the table from the screen.
func (v *View) Close() {
	v.close.Do(func() {
		close(v.done)
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.term != nil {
			v.paint.Erase()
			v.term = nil
		}
	})
}

// tick keeps the times in the table moving.
func (v *View) tick() {
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for {
		select {
		case <-v.done:
			return
		case <-ticks.C:
			v.refresh()
		}
	}
}

// refresh draws the table with the memory in use.
func (v *View) refresh() {
	v.mu.Lock()
	running := v.running
	v.mu.Unlock()
	var now []localrun.Status
	if running != nil {
		now = running.Statuses()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range now {
		known := v.states[s.Service]
		known.MemoryBytes = s.MemoryBytes
		v.states[s.Service] = known
	}
	v.redraw("")
}

// print writes lines above the table, with colours and no other control
// characters; v.mu is held.
func (v *View) print(w io.Writer, lines string) { v.write(w, terminal.Coloured(lines)) }

// write writes lines above the table as they are; v.mu is held.
func (v *View) write(w io.Writer, line string) {
	if v.term == nil {
		_, _ = io.WriteString(w, line)
		return
	}
	if w == v.out && !v.color { // the lines go elsewhere than the table
		_, _ = io.WriteString(w, line)
		return
	}
	v.redraw(line)
}

// redraw replaces the table, with a line above it; v.mu is held.
func (v *View) redraw(above string) {
	if v.term == nil {
		return
	}
	columns, rows, err := term.GetSize(int(v.term.Fd()))
	if err != nil {
		columns, rows = 80, 24
	}
	v.paint.Draw(above, v.table(rows/2), columns)
}

// table is the state of the services in at most so many lines.
func (v *View) table(most int) []string {
	count := map[localrun.State]int{}
	list := make([]localrun.Status, 0, len(v.order))
	for _, name := range v.order {
		s := v.states[name]
		count[s.State]++
		list = append(list, s)
	}
	if len(list)+2 > most {
		var words []string
		for _, s := range []localrun.State{localrun.Waiting, localrun.Starting, localrun.Running, localrun.Healthy, localrun.Unhealthy, localrun.Exited} {
			if count[s] > 0 {
				words = append(words, fmt.Sprintf("%d %s", count[s], s))
			}
		}
		return []string{strings.Join(words, ", ")}
	}
	var b strings.Builder
	if WriteStatuses(&b, list, time.Now()) != nil {
		return nil
	}
	return append([]string{""}, strings.Split(strings.TrimRight(b.String(), "\n"), "\n")...)
}

// WriteStatuses prints services as a table.
func WriteStatuses(w io.Writer, list []localrun.Status, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SERVICE\tSTATE\tMEMORY\tUPTIME\tPORTS")
	for _, s := range list {
		fmt.Fprintln(t, Row(s, now))
	}
	return t.Flush()
}

// Row is the state of a service as the cells of a table, with tabs between them.
func Row(s localrun.Status, now time.Time) string {
	memory := localrun.Megabytes(s.MemoryBytes)
	if s.MemoryBytes > 0 {
		memory = fmt.Sprintf("%dMi", s.MemoryBytes>>20)
	}
	if s.MemoryLimitBytes > 0 {
		memory += " of " + localrun.Megabytes(s.MemoryLimitBytes)
	}
	uptime := "-"
	if !s.StartedAt.IsZero() && s.State != localrun.Exited {
		uptime = now.Sub(s.StartedAt).Truncate(time.Second).String()
	}
	var ports []string
	for _, p := range s.Ports {
		ports = append(ports, p.String())
	}
	if len(ports) == 0 {
		ports = []string{"-"}
	}
	return strings.Join([]string{s.Service, stateText(s), memory, uptime, strings.Join(ports, ", ")}, "\t")
}
