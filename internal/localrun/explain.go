package localrun

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/terminal"
)

// Evidence is what was found out about a service that is not ready.
type Evidence struct {
	Status    Status
	Check     plan.HealthCheck
	PeerTLS   bool             // the last probe asked in plain text what speaks TLS
	Port      int              // that the health check asks
	Listening []netip.AddrPort // in its network namespace
	LastLines []string         // of its log
	Probes    []string         // the last probe results, oldest first
	Settled   bool             // without a health check, it ran for a while
	Missing   []plan.Use       // variables that the sources read without a default and that are not set
	Connects  []plan.Use       // "host:port" of servers that its settings and sources name
}

// Explain says why a service is not ready, the cause first, over several lines.
func Explain(e Evidence) string {
	e = e.harmless()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", e.Status.Service, cause(e))
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(&b, "\n  %-13s %s", label+":", text)
		}
	}
	if len(e.Probes) > 0 {
		check := e.Status.Check
		if e.Status.Failures > 0 {
			check += fmt.Sprintf(", failed %s in a row", times(e.Status.Failures))
		}
		line("health check", check)
		line("last probes", strings.Join(runs(e.Probes), "\n                "))
	}
	if e.Status.State != Exited {
		line("listens on", listening(e.Listening))
	}
	if e.Status.Exit != nil {
		line("exit", exitText(*e.Status.Exit))
	}
	if len(e.LastLines) > 0 {
		b.WriteString("\n  last lines:\n    | " + strings.Join(e.LastLines, "\n    | "))
	} else {
		line("last lines", "it wrote nothing")
	}
	return b.String()
}

// harmless is the evidence without what a program could do to a terminal through
// its output or its answers to probes.
func (e Evidence) harmless() Evidence {
	lines, probes := make([]string, len(e.LastLines)), make([]string, len(e.Probes))
	for i, l := range e.LastLines {
		lines[i] = terminal.Plain(l)
	}
	for i, p := range e.Probes {
		probes[i] = diag.Printable(p)
	}
	e.LastLines, e.Probes, e.Status.LastProbe = lines, probes, diag.Printable(e.Status.LastProbe)
	return e
}

// cause is the one most likely reason.
func cause(e Evidence) string {
	s := e.Status
	if s.Exit != nil {
		return e.ended()
	}
	if s.Type == "job" && s.State == Running {
		return "is a job, and has not ended yet"
	}
	what := "is not healthy yet"
	if s.State == Unhealthy {
		what = "is unhealthy"
	}
	if e.PeerTLS {
		return fmt.Sprintf("%s: it speaks TLS on its port %d, and the health check is in plain text", what, e.Port)
	}
	if e.Port == 0 {
		return what
	}
	var others []string
	for _, l := range e.Listening {
		if int(l.Port()) != e.Port {
			others = append(others, l.String())
			continue
		}
		if l.Addr().IsLoopback() {
			if !slices.ContainsFunc(e.Listening, func(o netip.AddrPort) bool { return int(o.Port()) == e.Port && !o.Addr().IsLoopback() }) {
				return fmt.Sprintf("%s: it listens on %s only, which nothing outside of its container reaches; let it listen on 0.0.0.0", what, l)
			}
		}
		return what + probeCause(e)
	}
	if len(others) > 0 {
		return fmt.Sprintf("%s: it listens on %s, but not on its port %d", what, strings.Join(others, ", "), e.Port)
	}
	return fmt.Sprintf("%s: it does not listen on its port %d", what, e.Port) + cmp.Or(e.missing(), e.unreached())
}

// ended is the most likely reason of a service that has ended.
func (e Evidence) ended() string {
	s := e.Status
	if s.Exit.OOMKilled {
		return fmt.Sprintf("was killed: it needed more memory than its limit of %s", Megabytes(s.MemoryLimitBytes))
	}
	if s.Exit.Code == 0 && s.Check == "" {
		return "ended by itself, but a " + s.Type + " must run until it is stopped; use type: job for a program that ends"
	}
	text := "ended: "
	if s.ReadyMillis == 0 && !e.Settled {
		text = "ended before it was ready: "
	}
	return text + exitText(*s.Exit) + e.why()
}

// why is what the last lines, the variables and the settings say of it.
func (e Evidence) why() string {
	if peer := e.refused(); peer != "" {
		return peer
	}
	if host := e.stranger(); host != "" {
		return "; no service or host is called " + host
	}
	if dir := e.denied(); dir == "." {
		return "; its user cannot write a file that it needs"
	} else if dir != "" {
		return "; its user cannot write to " + dir
	}
	if file := e.absent(); file != "" {
		return "; it found no file " + file
	}
	return cmp.Or(e.missing(), e.unreached())
}

// wants reports whether a variable that is not set may be why the service ended.
func (e Evidence) wants() bool {
	if len(e.Missing) == 0 {
		return false
	}
	x := e.Status.Exit
	if x == nil { // it runs, and has not begun to listen
		return e.Status.ReadyMillis == 0 && e.Port != 0 && len(e.Listening) == 0
	}
	return x.Code != 0 && x.Signal == "" && !x.OOMKilled && !x.Stopped && e.Status.ReadyMillis == 0 && !e.Settled
}

// missing names the variables that the service may have ended for want of: those
// that its last lines name first.
func (e Evidence) missing() string {
	if !e.wants() {
		return ""
	}
	const most = 3
	list := e.suspects()
	text := "; it reads "
	for i, use := range list[:min(most, len(list))] {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s (%s:%d)", use.Name, use.File, use.Line)
	}
	switch {
	case len(list) > most:
		return text + fmt.Sprintf(" and %d more variables, which are not set", len(list)-most)
	case len(list) > 1:
		return text + ", which are not set"
	}
	return fmt.Sprintf("; it reads %s, which is not set (%s:%d)", list[0].Name, list[0].File, list[0].Line)
}

// suspects are the missing variables, those that the last lines name first.
func (e Evidence) suspects() []plan.Use {
	said := strings.Join(e.LastLines, "\n")
	list := slices.Clone(e.Missing)
	slices.SortStableFunc(list, func(a, b plan.Use) int {
		named := func(u plan.Use) int {
			if strings.Contains(said, u.Name) {
				return 0
			}
			return 1
		}
		return named(a) - named(b)
	})
	return list
}

// Hint is the next thing to do about a service that is not ready.
func Hint(e Evidence) string {
	e = e.harmless()
	name := e.Status.Service
	listensElsewhere := e.Port != 0 && len(e.Listening) > 0 &&
		!slices.ContainsFunc(e.Listening, func(a netip.AddrPort) bool { return int(a.Port()) == e.Port })
	switch {
	case e.Status.Exit != nil && e.peer() > 0:
		return fmt.Sprintf("start the server that it needs, and set its address: slipway run -e %s:NAME=VALUE; localhost is the container itself", name)
	case e.Status.Exit != nil && e.stranger() != "":
		return fmt.Sprintf("start a service of that name with it, or set the address: slipway run -e %s:NAME=VALUE", name)
	case e.Status.Exit != nil && e.denied() != "":
		return fmt.Sprintf("write writable: [%s] for %s in slipway.yaml, and build again", e.denied(), name)
	case e.absent() != "":
		return absentHint(name, e.absent())
	case e.wants():
		first := e.suspects()[0].Name
		return fmt.Sprintf("slipway run -e %s:%s=…, or --env-file %s:FILE; env: and env_file: in slipway.yaml keep them", name, first, name)
	case e.unreached() != "" && len(e.Listening) == 0:
		return fmt.Sprintf("start the server that it needs, and set its address: slipway run -e %s:NAME=VALUE", name)
	case e.PeerTLS:
		over := e.Check
		over.TLS = true
		return fmt.Sprintf("write health: %s for %s in slipway.yaml", over.YAML(), name)
	case listensElsewhere:
		return fmt.Sprintf("write port: %d for %s in slipway.yaml, or let it listen on %d", e.Listening[0].Port(), name, e.Port)
	case e.Check.Asks() && e.Status.MayStart():
		return fmt.Sprintf("if %s was still starting, write health: {start_period: %s} for it in slipway.yaml, or wait longer: --timeout; else read its log: slipway run %s",
			name, longer(e.Check.WithDefaults().StartPeriod), name)
	}
	return "run it alone and read its log: slipway run " + name
}

// longer is the start period to try after one that was too short: twice as long,
// in whole minutes.
func longer(d time.Duration) string {
	minutes := (2*d + time.Minute - 1) / time.Minute
	return fmt.Sprintf("%dm", minutes)
}

func probeCause(e Evidence) string {
	if e.Status.LastProbe == "" {
		return ""
	}
	return ": " + e.Status.LastProbe
}

func exitText(e Exit) string {
	text := fmt.Sprintf("exit code %d", e.Code)
	if e.Signal != "" {
		text += ", ended by " + e.Signal
	}
	if e.OOMKilled {
		text += ", out of memory"
	}
	return text
}

func listening(addrs []netip.AddrPort) string {
	if len(addrs) == 0 {
		return "nothing"
	}
	words := make([]string, 0, len(addrs))
	for _, a := range addrs {
		words = append(words, a.String())
	}
	return strings.Join(words, ", ")
}

// runs folds equal neighbours: "refused (3 times)".
func runs(lines []string) []string {
	var out []string
	for i := 0; i < len(lines); {
		n := 1
		for i+n < len(lines) && lines[i+n] == lines[i] {
			n++
		}
		text := lines[i]
		if n > 1 {
			text += " (" + times(n) + ")"
		}
		out = append(out, text)
		i += n
	}
	return out
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// Megabytes prints a size as slipway.yaml writes memory: binary units.
func Megabytes(n int64) string {
	if n == 0 {
		return "-"
	}
	if n%(1<<20) == 0 {
		return fmt.Sprintf("%dMi", n>>20)
	}
	return fmt.Sprintf("%.1fMi", float64(n)/(1<<20))
}
