package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/audit"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/evidence"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/gauge"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/release"
	"github.com/slipway-build/slipway/internal/report"
	"github.com/slipway-build/slipway/internal/repository"
)

func (a *app) releaseCommand() *cobra.Command {
	var f fleetFlags
	var asJSON, asBuilt bool
	cmd := &cobra.Command{
		Use:   "release VERSION",
		Short: "Pin the images of the fleet under one version",
		Long: `Pin the image of each service by its digest under one version. The release also has
the commit, the settings to run the images with, and the evidence that there is. It
never changes. Its images get the version as a tag and stay in the store.

Every service is to be built from the files as they are now; --as-built takes the images
that there are.`,
		Example: `  slipway build && slipway release v1.2.3
  slipway releases
  slipway release show v1.2.3
  slipway release diff v1.2.2 v1.2.3`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, made, err := a.release(cmd.Context(), args[0], f, asBuilt)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(r)
			}
			if !made {
				fmt.Fprintf(a.Stderr, "there is the release %s with the same images already\n", r.Version)
			}
			return a.printRelease(r)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&asBuilt, "as-built", false, "pin the images that there are, also those of changed services")
	cmd.AddCommand(a.releaseShowCommand(), a.releaseDiffCommand())
	return cmd
}

func (a *app) releaseShowCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show VERSION", Short: "Show one release: images, sizes and evidence", Args: cobra.ExactArgs(1), Example: "  slipway release show v1.2.3",
		RunE: func(_ *cobra.Command, args []string) error {
			all, err := a.foundReleases(args...)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(all[0])
			}
			return a.printRelease(all[0])
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) releaseDiffCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "diff VERSION VERSION", Short: "Compare two releases: images and settings", Args: cobra.ExactArgs(2), Example: "  slipway release diff v1.2.2 v1.2.3",
		RunE: func(_ *cobra.Command, args []string) error {
			all, err := a.foundReleases(args...)
			if err != nil {
				return err
			}
			changes := release.Compare(all[0], all[1])
			if asJSON {
				return a.printJSON(append([]release.Change{}, changes...))
			}
			if from, to := all[0].Source.Commit, all[1].Source.Commit; from != to {
				fmt.Fprintf(a.Stdout, "commit %.12s → %.12s\n", cmp.Or(from, "unknown"), cmp.Or(to, "unknown"))
			}
			for _, c := range changes {
				fmt.Fprintln(a.Stdout, diag.Printable(c.String()))
			}
			if len(changes) == 0 {
				fmt.Fprintln(a.Stderr, "the same images and settings")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// foundReleases are releases of the fleet here, by version.
func (a *app) foundReleases(versions ...string) (out []release.Release, err error) {
	fl, err := a.fleets().Read(a.Dir, fleet.Overrides{})
	if err != nil {
		return nil, err
	}
	for _, v := range versions {
		r, err := a.state.Releases(fl.Name).Get(v)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// release pins what is built.
func (a *app) release(ctx context.Context, version string, f fleetFlags, asBuilt bool) (r release.Release, made bool, err error) {
	if err := release.CheckVersion(version); err != nil {
		return r, false, err
	}
	fl, err := a.plannedFleet(f)
	if err != nil {
		return r, false, err
	}
	store, err := a.state.Images(event.Discard{})
	if err != nil {
		return r, false, err
	}
	said := a.fleets()
	said.Warn = func(diag.Findings) {} // the plan did
	images, err := said.Images(ctx, store, nil, f.Overrides)
	if err != nil {
		return r, false, err
	}
	jobs, err := fl.Jobs(engine.Request{})
	if err != nil {
		return r, false, err
	}
	predicted, err := a.predict(ctx, fl, builderFlags{})
	if err != nil {
		return r, false, err
	}
	r = release.Release{Fleet: fl.Name, Version: version, Created: time.Now().UTC().Truncate(time.Millisecond), By: audit.Me().Name, Slipway: Version}
	tree := repository.Root(fl.Root)
	if r.Source.Commit = repository.Head(tree); r.Source.Commit != "" {
		r.Source.URL = repository.Origin(tree)
	}
	var stale []string
	for _, i := range images {
		job := jobOf(jobs, i.Service)
		pinned, err := a.pin(ctx, store, i, job, fl.Root)
		if err != nil {
			return r, false, err
		}
		if known := predicted[i.Service]; known.Result.Digest != pinned.Digest {
			why := cmp.Or(strings.Join(known.Reasons, ", "), "it was not built on this machine")
			if known.Result.Digest != "" {
				why = "the image " + i.Name + " is not the one that was built"
			}
			stale = append(stale, i.Service+": "+why)
		}
		r.Services = append(r.Services, pinned)
	}
	if len(stale) > 0 && !asBuilt {
		return r, false, diag.Fail(diag.ExitUsage, "%d of %d services are not built from the files as they are now:\n  %s", len(stale), len(images), strings.Join(stale, "\n  ")).
			WithHint("slipway build, or --as-built to pin the images that there are")
	}
	log, err := audit.Open(a.state.AuditDir()) // before anything is done that it could not record
	if err != nil {
		return r, false, err
	}
	if r, made, err = a.keepRelease(ctx, store, r, images); err != nil {
		return r, made, err
	}
	return r, made, a.recordRelease(log, r, made, stale)
}

// recordRelease writes a release to the audit log, also when the command that made it was
// interrupted before it could.
func (a *app) recordRelease(log *audit.Log, r release.Release, made bool, asBuilt []string) error {
	record := audit.Record{
		Action: audit.BuiltRelease, Origin: r.Source, Fleet: r.Fleet, Version: r.Version, Result: audit.OK,
		Digests: map[string]string{}, Details: map[string]string{"slipway": Version},
	}
	var evidence []string
	for _, s := range r.Services {
		record.Digests[s.Name] = s.Digest
		evidence = append(evidence, s.Name+": "+evidenceText(s.Evidence))
	}
	record.Details["evidence"] = strings.Join(evidence, "; ")
	if len(asBuilt) > 0 {
		record.Details["as_built"] = strings.Join(asBuilt, "; ")
	}
	if !made {
		files, err := audit.Read(a.state.AuditDir())
		if err != nil {
			return err
		}
		for _, has := range files.Records() {
			if has.Action == record.Action && has.Fleet == r.Fleet && has.Version == r.Version && maps.Equal(has.Digests, record.Digests) {
				return nil
			}
		}
	}
	return log.Append(record)
}

// plannedFleet is the fleet of slipway.yaml. A release of what has none has no name.
func (a *app) plannedFleet(f fleetFlags) (*fleet.Fleet, error) {
	t, err := a.fleets().Resolve(nil)
	if err != nil {
		return nil, err
	}
	if t.OwnDockerfile {
		return nil, diag.Fail(diag.ExitUsage, "a release is of a fleet, and there is no slipway.yaml here").WithHint("slipway init writes one")
	}
	return a.fleets().Load(t, f.Overrides)
}

// keepRelease writes the release, and names its images by the version. The release comes
// first: to make it again names what an interrupted command did not.
func (a *app) keepRelease(ctx context.Context, store *image.Store, r release.Release, images []fleet.Image) (release.Release, bool, error) {
	all := a.state.Releases(r.Fleet)
	made, err := all.Keep(r)
	if err != nil {
		return r, false, err
	}
	for i, s := range r.Services {
		desc, err := store.Resolve(ctx, images[i].Name)
		if err == nil {
			err = store.Tag(ctx, s.Image+":"+r.Version, desc)
		}
		if err != nil {
			return r, false, err
		}
	}
	if !made {
		r, err = all.Get(r.Version)
	}
	return r, made, err
}

func jobOf(jobs []pipeline.Job, service string) pipeline.Job {
	for _, j := range jobs {
		if j.Request.Name == service {
			return j
		}
	}
	return pipeline.Job{}
}

// pin is a service of a release, as its image in the store is.
func (a *app) pin(ctx context.Context, store *image.Store, i fleet.Image, job pipeline.Job, root string) (release.Service, error) {
	s, err := evidence.Stored(ctx, store, i.Name)
	if err != nil {
		return release.Service{}, err
	}
	stats, err := fleet.Measure(ctx, store, []fleet.Image{i})
	if err != nil {
		return release.Service{}, err
	}
	size := int64(0)
	for _, platform := range stats.Services {
		size += platform.SizeBytes
	}
	p := job.Service
	out := release.Service{
		Name: i.Service, Image: image.Name(i.Name).Local().Repository(), Digest: s.Digest(), SizeBytes: size,
		Dockerfile: fmt.Sprintf("%x", sha256.Sum256(job.Request.Dockerfile)), Type: p.Type, Port: p.Port, Health: p.Health, MemoryBytes: p.MemoryBytes, User: p.User,
	}
	for _, e := range s.List().Evidence {
		out.Evidence = append(out.Evidence, release.Evidence{Type: e.Type, Signed: e.Signed, Keys: e.Keys})
	}
	g := a.gauge(store, nil, fleetFlags{}, gateFlags{noStart: true})
	start, err := g.Started(gauge.Target{Service: i.Service, Root: root}, out.Digest)
	out.StartMillis = start.Milliseconds()
	return out, err
}

func (a *app) printRelease(r release.Release) error {
	fmt.Fprintf(a.Stdout, "%s %s, %s, by %s\n", diag.Printable(r.Fleet), r.Version, r.Created.Local().Format(runTime), diag.Printable(cmp.Or(r.By, "unknown")))
	if r.Source.Commit != "" {
		fmt.Fprintf(a.Stdout, "commit %s\n", r.Source.Commit)
	}
	t := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nSERVICE\tIMAGE\tDIGEST\tSIZE\tEVIDENCE")
	for _, s := range r.Services {
		fmt.Fprintf(t, "%s\t%s:%s\t%s\t%s\t%s\n", s.Name, s.Image, r.Version, strings.TrimPrefix(s.Digest, "sha256:")[:12], report.Bytes(s.SizeBytes), evidenceText(s.Evidence))
	}
	return t.Flush()
}

func evidenceText(all []release.Evidence) string {
	var out []string
	for _, e := range all {
		text := diag.Printable(e.Type)
		if !e.Signed {
			text += " (unsigned)"
		}
		out = append(out, text)
	}
	return cmp.Or(strings.Join(out, ", "), "none")
}
