package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/evidence"
)

// evidenceListFlags are the flags of `slipway evidence`.
type evidenceListFlags struct {
	evidenceFlags
	export string
	attach string
	kind   string
}

func (a *app) evidenceCommand() *cobra.Command {
	var f evidenceListFlags
	cmd := &cobra.Command{
		Use:   "evidence [SERVICE… | IMAGE…]",
		Short: "List, export and add statements and signatures of images",
		Long: `List what is kept beside images: signatures, and statements such as provenance, an
SBOM, test and scan results. slipway push sends it along with the image. Listing
checks nothing; slipway verify does.

--export writes each piece into a directory: statements as .json, and as signed
envelopes (.dsse.json) or bundles (.sigstore.json) that other tools verify. --attach adds the JSON of a file as a
statement of --type about one image; slipway sign signs it.`,
		Example: `  slipway evidence
  slipway evidence registry.example/shop/web:v1 --remote --json
  slipway evidence fast-orchestrator-service --export DIR
  slipway evidence fast-orchestrator-service --attach sbom.json --type cyclonedx`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.evidence(cmd.Context(), args, f) },
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.export, "export", "", "write the evidence into this directory")
	cmd.Flags().StringVar(&f.attach, "attach", "", "add the JSON in this file as a statement about the image; - is standard input")
	cmd.Flags().StringVar(&f.kind, "type", "", "type of the statement to add: provenance, cyclonedx, spdx, tests, vulnerabilities, or an address")
	return cmd
}

func (a *app) evidence(ctx context.Context, args []string, f evidenceListFlags) error {
	subjects, err := a.subjects(ctx, args, f.evidenceFlags)
	if err != nil {
		return err
	}
	if f.attach != "" || f.kind != "" {
		return a.attach(ctx, subjects, f)
	}
	if subjects, err = withPlatforms(ctx, subjects); err != nil {
		return err
	}
	if f.export != "" {
		return a.export(subjects, f)
	}
	lists := []evidence.List{}
	for _, s := range subjects {
		lists = append(lists, s.List())
	}
	if f.json {
		return a.printJSON(lists)
	}
	t := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "IMAGE\tEVIDENCE\tKEY\tBYTES")
	for _, l := range lists {
		for _, e := range l.Evidence {
			fmt.Fprintf(t, "%s\t%s\t%s\t%d\n", l.Called(), e.Type, e.KeyText(), e.SizeBytes)
		}
		for _, p := range l.Problems {
			fmt.Fprintf(a.Stderr, "warning: %s: %s\n", l.Called(), p)
		}
		if len(l.Evidence) == 0 {
			fmt.Fprintf(t, "%s\tnone\t\t\n", l.Image)
		}
	}
	return t.Flush()
}

// withPlatforms adds the images of indexes that have evidence of their own, such as an SBOM.
func withPlatforms(ctx context.Context, subjects []*evidence.Subject) (out []*evidence.Subject, err error) {
	for _, s := range subjects {
		out = append(out, s)
		platforms, err := s.Platforms(ctx)
		if err != nil {
			return nil, err
		}
		for _, one := range platforms {
			if len(one.Items)+len(one.Problems) > 0 {
				out = append(out, one)
			}
		}
	}
	return out, nil
}

func (a *app) attach(ctx context.Context, subjects []*evidence.Subject, f evidenceListFlags) error {
	if f.attach == "" || f.kind == "" {
		return diag.Fail(diag.ExitUsage, "--attach and --type belong together").WithHint("slipway evidence IMAGE --attach sbom.json --type cyclonedx")
	}
	if len(subjects) != 1 {
		return diag.Fail(diag.ExitUsage, "--attach applies to one image, not to %d", len(subjects)).WithHint("name the service or image")
	}
	predicate, err := evidence.Predicate(f.kind)
	if err != nil {
		return err
	}
	in := a.Stdin
	if f.attach != "-" {
		file, err := os.Open(a.path(f.attach))
		if err != nil {
			return diag.Fail(diag.ExitUsage, "cannot read %s", f.attach).Because(err)
		}
		defer file.Close()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, evidence.MaxBytes+1))
	if err != nil {
		return diag.Fail(diag.ExitUsage, "cannot read %s", f.attach).Because(err)
	}
	if err := subjects[0].Attach(ctx, predicate, f.attach, data); err != nil {
		return err
	}
	fmt.Fprintf(a.Stdout, "%s: added %s; sign it: slipway sign\n", subjects[0].Name, f.kind)
	return nil
}

func (a *app) export(subjects []*evidence.Subject, f evidenceListFlags) error {
	for _, s := range subjects {
		files, err := s.Export(a.path(f.export))
		if err != nil {
			return err
		}
		for _, name := range files {
			fmt.Fprintf(a.Stdout, "wrote %s\n", name)
		}
	}
	return nil
}
