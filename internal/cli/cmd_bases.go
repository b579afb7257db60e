package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/baseimage"
	"github.com/slipway-build/slipway/internal/baseimage/spec"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/report"
	"github.com/slipway-build/slipway/internal/repository"
	"github.com/slipway-build/slipway/internal/state"
)

func (a *app) basesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bases",
		Short: "List, build, update, lock and load base images",
		Long: `Slipway assembles base images from the packages of this machine's Debian mirror and
npm registry. A slipway.lock in the repository pins every package and the resulting
digests; commit it, and all machines build from identical bases.

Without names, the commands work on the bases of the fleet's images. --tests adds those
of its quality stages and of the servers in needs:, for this machine's platform.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.basesListCommand(), a.basesBuildCommand(), a.basesUpdateCommand(), a.basesLockCommand(), a.basesLoadCommand())
	return cmd
}

// baseFlags are the flags of every bases command.
type baseFlags struct {
	platforms   []string
	compression string
	all         bool
	tests       bool
	json        bool
}

// registerSelection registers what selects bases beside their names.
func (f *baseFlags) registerSelection(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.all, "all", false, "select all bases")
	cmd.Flags().BoolVar(&f.tests, "tests", false, "add the bases of the fleet's quality stages and of the servers that it needs")
}

func (f *baseFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringSliceVar(&f.platforms, "platform", nil, "platforms, such as linux/amd64,linux/arm64 (default: the fleet's, else this machine's)")
	fl.StringVar(&f.compression, "compression", "", "compression of layers, gzip or zstd (default: the fleet's, else gzip)")
	fl.BoolVar(&f.json, "json", false, "print JSON")
}

// baseJob is what a bases command works on.
type baseJob struct {
	*baseimage.Assembler
	root      string // where slipway.lock lies
	refs      []string
	platforms []string
	tests     []string // further bases, for this machine's platform
	screen    *screen
}

// each calls fn for bases with the platforms that they are for.
func (j *baseJob) each(fn func(refs, platforms []string) error) error {
	if err := fn(j.refs, j.platforms); err != nil || len(j.tests) == 0 {
		return err
	}
	return fn(j.tests, []string{plan.Host()})
}

// baseJob works out which bases are meant and opens the assembler. Close its
// screen before anything is printed.
func (a *app) baseJob(names []string, f baseFlags, needNames bool) (*baseJob, error) {
	job := &baseJob{root: a.Dir, refs: names, platforms: f.platforms}
	compression := f.compression
	if root, err := fleet.Find(a.Dir); err == nil {
		fl, err := a.fleets().Load(fleet.Target{Root: root}, fleet.Overrides{Platforms: f.platforms, Quality: f.tests})
		if err != nil {
			return nil, err
		}
		if f.tests {
			if job.tests, err = fl.TestBases(); err != nil {
				return nil, err
			}
		}
		job.root, job.platforms = fl.Root, fl.Platforms
		if compression == "" {
			compression = fl.Compression
		}
		if len(names) == 0 {
			job.refs = fl.AssembledBases()
		}
	} else if !errors.Is(err, fleet.ErrNone) {
		return nil, err
	} else if f.tests {
		return nil, diag.Fail(diag.ExitUsage, "--tests requires a fleet, and there is no slipway.yaml here or above").WithHint("go to its directory, or slipway init")
	}
	if f.all {
		job.refs = spec.Refs()
	}
	job.tests = slices.DeleteFunc(job.tests, func(ref string) bool { return slices.Contains(job.refs, ref) })
	if needNames && len(job.refs)+len(job.tests) == 0 {
		return nil, diag.Fail(diag.ExitUsage, "no base specified, and no fleet here uses one that Slipway assembles").
			WithHint("specify one, such as %s, or --all", spec.Refs()[0])
	}
	if len(job.platforms) == 0 {
		job.platforms = []string{plan.Host()}
	}
	switch compression {
	case "", "gzip", "zstd":
	default:
		return nil, diag.Fail(diag.ExitUsage, "unknown compression %q", compression).WithHint("use gzip or zstd")
	}
	job.screen = a.newScreen(nil)
	store, err := a.state.Images(job.screen)
	if err == nil {
		job.Assembler, err = a.state.Assembler(job.root, store, job.screen, compression)
	}
	if err != nil {
		job.screen.Close()
		return nil, err
	}
	return job, nil
}

func (a *app) basesListCommand() *cobra.Command {
	var f baseFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List base images, built or not",
		Example: `  slipway bases list
  slipway bases list --platform linux/arm64 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			job, err := a.baseJob(nil, f, false)
			if err != nil {
				return err
			}
			defer job.screen.Close()
			list, err := job.List(cmd.Context(), job.platforms)
			if err != nil {
				return err
			}
			job.screen.Close()
			if f.json {
				return a.printJSON(list)
			}
			rows := make([][]string, 0, len(list))
			for _, s := range list {
				rows = append(rows, baseRow(s))
			}
			return report.Table(a.Stdout, []string{"base", "platform", "node", "npm", "packages", "size", "compressed", "pinned by", "digest"}, rows)
		},
	}
	f.register(cmd)
	return cmd
}

func baseRow(s baseimage.Status) []string {
	row := []string{s.Ref, s.Platform, dash(s.Node), dash(s.NPM), "-", "-", "-", dash(s.Pinned), "not built"}
	if s.Packages > 0 {
		row[4] = strconv.Itoa(s.Packages)
	}
	if s.Digest != "" {
		row[8] = strings.TrimPrefix(s.Digest, "sha256:")[:12]
	}
	if s.Digest != "" && s.SizeBytes > 0 {
		row[5], row[6] = fmt.Sprintf("%.1fMB", float64(s.SizeBytes)/1e6), fmt.Sprintf("%.1fMB", float64(s.PackedBytes)/1e6)
	}
	return row
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (a *app) basesBuildCommand() *cobra.Command {
	var f baseFlags
	cmd := &cobra.Command{
		Use:   "build [BASE…]",
		Short: "Assemble missing base images",
		Example: `  slipway bases build slipway/node:20-trixie
  slipway bases build --all --platform linux/amd64,linux/arm64`,
		RunE: func(cmd *cobra.Command, args []string) error {
			job, err := a.baseJob(args, f, true)
			if err != nil {
				return err
			}
			defer job.screen.Close()
			built := map[string]baseimage.Built{}
			err = job.each(func(refs, platforms []string) error {
				more, err := job.Ensure(cmd.Context(), refs, platforms)
				maps.Copy(built, more)
				return err
			})
			if err != nil {
				return err
			}
			job.screen.Close()
			return a.printBases(built, f.json)
		},
	}
	f.register(cmd)
	f.registerSelection(cmd)
	return cmd
}

// printBases prints the digest of every base and platform.
func (a *app) printBases(built map[string]baseimage.Built, asJSON bool) error {
	type row struct {
		Ref      string `json:"ref"`
		Platform string `json:"platform"`
		Digest   string `json:"digest"`
	}
	rows := []row{}
	refs := spec.Refs() // in their order; those with packages in their names follow
	for _, ref := range slices.Sorted(maps.Keys(built)) {
		if !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	for _, ref := range refs {
		for _, l := range built[ref].Pins {
			rows = append(rows, row{ref, l.Platform, built[ref].Platforms[l.Platform].String()})
		}
	}
	if asJSON {
		return a.printJSON(rows)
	}
	for _, r := range rows {
		if _, err := fmt.Fprintf(a.Stdout, "%s %s %s\n", r.Ref, r.Platform, r.Digest); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) basesUpdateCommand() *cobra.Command {
	var f baseFlags
	cmd := &cobra.Command{
		Use:   "update [BASE…]",
		Short: "Update to the newest packages, rebuild, and list the changes",
		Long: `Query the mirrors for the newest packages, rebuild the bases that change, and print
the old and new versions. An existing slipway.lock is rewritten; bases that it pins
and that you do not name keep their pins.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			job, err := a.baseJob(args, f, true)
			if err != nil {
				return err
			}
			defer job.screen.Close()
			var changes []baseimage.Change
			err = job.each(func(refs, platforms []string) error {
				_, more, err := job.Update(cmd.Context(), refs, platforms)
				changes = append(changes, more...)
				return err
			})
			if err != nil {
				return err
			}
			if _, err := os.Stat(filepath.Join(job.root, state.LockFile)); err == nil {
				if err := a.writeLock(cmd.Context(), job); err != nil {
					return err
				}
			}
			job.screen.Close()
			return a.printChanges(changes, f.json)
		},
	}
	f.register(cmd)
	f.registerSelection(cmd)
	return cmd
}

func (a *app) printChanges(changes []baseimage.Change, asJSON bool) error {
	if asJSON {
		if changes == nil {
			changes = []baseimage.Change{}
		}
		return a.printJSON(changes)
	}
	if len(changes) == 0 {
		_, err := fmt.Fprintln(a.Stdout, "nothing changed: every package is up to date")
		return err
	}
	last := ""
	for _, c := range changes {
		if head := c.Ref + " " + c.Platform; head != last {
			fmt.Fprintln(a.Stdout, head)
			last = head
		}
		if _, err := fmt.Fprintf(a.Stdout, "  %s %s → %s\n", c.Package, dash(c.Old), dash(c.New)); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) basesLockCommand() *cobra.Command {
	var f baseFlags
	cmd := &cobra.Command{
		Use:   "lock [BASE…]",
		Short: "Write slipway.lock with the packages and digests of the bases",
		Long: `Write slipway.lock with the current packages and digests of the bases. Bases that
were never built are resolved and built first. Run slipway bases update to take newer
packages.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			job, err := a.baseJob(args, f, true)
			if err != nil {
				return err
			}
			defer job.screen.Close()
			if err := a.writeLock(cmd.Context(), job); err != nil {
				return err
			}
			job.screen.Close()
			_, err = fmt.Fprintf(a.Stdout, "%s pins %s for %s; commit it\n",
				repository.Relative(a.Dir, filepath.Join(job.root, state.LockFile)), strings.Join(job.refs, ", "), strings.Join(job.platforms, ", "))
			if err == nil && len(job.tests) > 0 {
				_, err = fmt.Fprintf(a.Stdout, "for tests on %s: %s\n", plan.Host(), strings.Join(job.tests, ", "))
			}
			return err
		},
	}
	f.register(cmd)
	f.registerSelection(cmd)
	return cmd
}

// writeLock pins the job's bases as they are now.
func (a *app) writeLock(ctx context.Context, job *baseJob) error {
	var lock baseimage.Lock
	err := job.each(func(refs, platforms []string) (err error) {
		lock, err = job.Pin(ctx, refs, platforms)
		return err
	})
	if err != nil {
		return err
	}
	job.screen.Emit(event.Note{Text: "writing " + state.LockFile})
	return baseimage.WriteLock(filepath.Join(job.root, state.LockFile), lock)
}
