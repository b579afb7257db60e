package cli

import (
	"bufio"
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/localrun/oci"
	"github.com/slipway-build/slipway/internal/localrun/view"
)

func (a *app) logsCommand() *cobra.Command {
	var followFlag bool
	var group string
	var tail int
	var raw bool
	cmd := &cobra.Command{
		Use:   "logs [SERVICE…]",
		Short: "Print the output of running services",
		Example: `  slipway logs -f
  slipway logs fast-orchestrator-service --tail 20`,
		RunE: func(cmd *cobra.Command, args []string) error {
			groups, err := a.groups(true)
			if err != nil {
				return err
			}
			g, err := a.pickGroup(groups, group, args)
			if err != nil {
				return err
			}
			return a.showLogs(cmd.Context(), g, args, logFlags{tail, followFlag, raw})
		},
	}
	cmd.Flags().BoolVarP(&followFlag, "follow", "f", false, "follow the output until the services end")
	cmd.Flags().StringVar(&group, "name", "", "group to use when several run")
	cmd.Flags().BoolVar(&raw, "raw", false, "print the output unchanged, with all control characters; by default only colours are kept")
	cmd.Flags().IntVarP(&tail, "tail", "n", -1, "print only the last `N` lines of each service")
	return cmd
}

// pickGroup decides which group a command means: the named one, the only one
// that has all the services, the fleet's here, or the only one that runs.
func (a *app) pickGroup(groups []oci.GroupStatus, name string, services []string) (oci.GroupStatus, error) {
	var names []string
	var fitting []oci.GroupStatus
	for _, g := range groups {
		names = append(names, g.Name)
		if name == "" && hasAll(g, services) || g.Name == name {
			fitting = append(fitting, g)
		}
	}
	if running := slices.DeleteFunc(slices.Clone(fitting), func(g oci.GroupStatus) bool { return !g.Running }); len(running) > 0 {
		fitting = running
	}
	here := ""
	if len(fitting) > 1 { // to read the directory may take long
		if fl, err := a.fleets().Read(a.Dir, fleet.Overrides{}); err == nil {
			here = fl.Name
		}
	}
	for _, g := range fitting {
		if g.Name == here || len(fitting) == 1 {
			return g, a.checkServices(g, services)
		}
	}
	switch {
	case len(groups) == 0:
		return oci.GroupStatus{}, diag.Fail(diag.ExitUsage, "no services are running").WithHint("slipway run")
	case len(fitting) == 0 && name != "":
		return oci.GroupStatus{}, diag.Fail(diag.ExitUsage, "group %s is not running", name).WithHint("running: %s", strings.Join(names, ", "))
	case len(fitting) == 0:
		return oci.GroupStatus{}, diag.Fail(diag.ExitUsage, "no group has the services %s", strings.Join(services, ", ")).WithHint("slipway ps")
	}
	return oci.GroupStatus{}, diag.Fail(diag.ExitUsage, "several groups are running: %s", strings.Join(names, ", ")).WithHint("specify one: --name %s", names[0])
}

func hasAll(g oci.GroupStatus, services []string) bool {
	for _, s := range services {
		if !slices.ContainsFunc(g.Services, func(v localrun.Status) bool { return v.Service == s }) {
			return false
		}
	}
	return true
}

func (a *app) checkServices(g oci.GroupStatus, services []string) error {
	var known []string
	for _, s := range g.Services {
		known = append(known, s.Service)
	}
	for _, s := range services {
		if !slices.Contains(known, s) {
			f := diag.Fail(diag.ExitUsage, "%s has no service %s", g.Name, s)
			if near := diag.Nearest(s, known); near != "" {
				return f.WithHint("did you mean %s?", near)
			}
			return f.WithHint("slipway ps")
		}
	}
	return nil
}

// logTail reads one service's log as it grows.
type logTail struct {
	service string
	path    string
	file    *os.File
	in      *bufio.Reader
	partial string
}

// logFlags say what of the logs is printed.
type logFlags struct {
	tail        int // lines of each service; negative: all
	follow, raw bool
}

// showLogs prints the logs of services; of several, with their names.
func (a *app) showLogs(ctx context.Context, g oci.GroupStatus, services []string, f logFlags) error {
	var tails []*logTail
	var names []string
	for _, s := range g.Services {
		if len(services) > 0 && !slices.Contains(services, s.Service) {
			continue
		}
		names = append(names, s.Service)
		tails = append(tails, &logTail{service: s.Service, path: oci.LogPath(a.state.Path, g.Name, s.Service)})
	}
	lines := view.Lines(a.streams(f.raw), names)
	lines.Unnamed = len(tails) == 1
	show := func(service, line string) { lines.Log(service, []byte(line)) }
	for _, t := range tails {
		written := t.more()
		if f.tail >= 0 && len(written) > f.tail {
			written = written[len(written)-f.tail:]
		}
		for _, line := range written {
			show(t.service, line)
		}
	}
	for f.follow && a.runs(g.Name) {
		for _, t := range tails {
			for _, line := range t.more() {
				show(t.service, line)
			}
		}
		select {
		case <-ctx.Done():
			return nil // the usual way to end it
		case <-time.After(200 * time.Millisecond):
		}
	}
	return nil
}

// runs tells whether a group still runs.
func (a *app) runs(group string) bool {
	groups, err := a.groups(false)
	return err == nil && slices.ContainsFunc(groups, func(g oci.GroupStatus) bool { return g.Name == group })
}

// more returns the whole lines that were not returned yet. When the log was
// replaced by a new one, the rest of the old one comes first.
func (t *logTail) more() []string {
	lines := t.rest()
	if t.file != nil {
		old, err1 := t.file.Stat()
		now, err2 := os.Stat(t.path)
		if err1 == nil && err2 == nil && os.SameFile(old, now) {
			return lines
		}
		_ = t.file.Close()
		t.file = nil
	}
	f, err := os.Open(t.path)
	if err != nil {
		return lines
	}
	t.file, t.in, t.partial = f, bufio.NewReader(f), ""
	return append(lines, t.rest()...)
}

// rest reads the open file to its end.
func (t *logTail) rest() []string {
	var lines []string
	for t.file != nil {
		text, err := t.in.ReadString('\n')
		t.partial += text
		if err != nil {
			break
		}
		lines = append(lines, t.partial[:len(t.partial)-1])
		t.partial = ""
	}
	return lines
}
