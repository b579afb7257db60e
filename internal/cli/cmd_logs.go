package cli

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"slices"
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
	cmd := &cobra.Command{
		Use:   "logs [SERVICE…]",
		Short: "Print what running services have written",
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
			return a.showLogs(cmd.Context(), g, args, tail, followFlag)
		},
	}
	cmd.Flags().BoolVarP(&followFlag, "follow", "f", false, "go on until the services end")
	cmd.Flags().StringVar(&group, "name", "", "the group, when several run")
	cmd.Flags().IntVarP(&tail, "tail", "n", -1, "only the last lines of each service")
	return cmd
}

// pickGroup decides which group a command means: the named one, the only one
// that has all the services, the fleet's here, or the only one that runs.
func (a *app) pickGroup(groups []oci.GroupStatus, name string, services []string) (oci.GroupStatus, error) {
	var names []string
	var fitting []oci.GroupStatus
	here := ""
	if fl, err := a.fleets().Read(a.Dir, fleet.Overrides{}); err == nil {
		here = fl.Name
	}
	for _, g := range groups {
		names = append(names, g.Name)
		if name == "" && hasAll(g, services) || g.Name == name {
			fitting = append(fitting, g)
		}
	}
	if running := slices.DeleteFunc(slices.Clone(fitting), func(g oci.GroupStatus) bool { return !g.Running }); len(running) > 0 {
		fitting = running
	}
	for _, g := range fitting {
		if g.Name == here || len(fitting) == 1 {
			return g, a.checkServices(g, services)
		}
	}
	switch {
	case len(groups) == 0:
		return oci.GroupStatus{}, diag.Fail(diag.ExitUsage, "nothing runs").WithHint("slipway run")
	case len(fitting) == 0 && name != "":
		return oci.GroupStatus{}, diag.Fail(diag.ExitUsage, "no group %s runs", name).WithHint("these do: %s", fmt.Sprint(names))
	case len(fitting) == 0:
		return oci.GroupStatus{}, diag.Fail(diag.ExitUsage, "no group has the services %s", fmt.Sprint(services)).WithHint("slipway ps")
	}
	return oci.GroupStatus{}, diag.Fail(diag.ExitUsage, "several groups run: %s", fmt.Sprint(names)).WithHint("say which one: --name %s", names[0])
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

// showLogs prints the logs of services; of several, with their names.
func (a *app) showLogs(ctx context.Context, g oci.GroupStatus, services []string, tail int, follow bool) error {
	var tails []*logTail
	var names []string
	for _, s := range g.Services {
		if len(services) > 0 && !slices.Contains(services, s.Service) {
			continue
		}
		names = append(names, s.Service)
		tails = append(tails, &logTail{service: s.Service, path: oci.LogPath(a.state.Path, g.Name, s.Service)})
	}
	lines := view.Lines(a.streams(), names)
	show := func(service, line string) {
		if len(tails) == 1 {
			fmt.Fprintln(a.Stdout, line)
		} else {
			lines.Log(service, []byte(line))
		}
	}
	for _, t := range tails {
		written := t.more()
		if tail >= 0 && len(written) > tail {
			written = written[len(written)-tail:]
		}
		for _, line := range written {
			show(t.service, line)
		}
	}
	for follow && a.runs(g.Name) {
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
