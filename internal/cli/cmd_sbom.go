package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/inventory"
	"github.com/slipway-build/slipway/internal/repository"
	"github.com/slipway-build/slipway/internal/sbom"
	"github.com/slipway-build/slipway/internal/scan"
)

func (a *app) sbomCommand() *cobra.Command {
	var f fleetFlags
	var format, output string
	cmd := &cobra.Command{
		Use:   "sbom SERVICE | IMAGE",
		Short: "List the packages and files of an image as an SBOM",
		Long: `Write a software bill of materials of a built image, in CycloneDX 1.6,
SPDX 2.3 or SPDX 3.0.1. Each package states where it was found and how certain that
is. The same image always gives the same bytes.`,
		Example: `  slipway sbom fast-orchestrator-service
  slipway sbom gpp-g3/fast-orchestrator-service:v1.2.3 --format spdx -o sbom.spdx.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			write := map[string]func(sbom.Image, inventory.Inventory) ([]byte, error){
				"cyclonedx": sbom.CycloneDX, "cyclonedx-json": sbom.CycloneDX, "spdx": sbom.SPDX, "spdx-json": sbom.SPDX, "spdx3-json": sbom.SPDX3,
			}[format]
			if write == nil {
				return diag.Fail(diag.ExitUsage, "unknown SBOM format %q", format).WithHint("--format cyclonedx, spdx-json or spdx3-json")
			}
			subject, planned, err := a.subject(cmd.Context(), args[0], f)
			if err != nil {
				return err
			}
			list := subject.Inventory(planned)
			a.warn(scan.Unlisted(list))
			data, err := write(sbom.Image{Name: subject.Name, Digest: subject.Digest, Platform: subject.Platform, Created: subject.Created, Version: Version}, list)
			if err != nil {
				return err
			}
			return a.writeResult(output, data)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&format, "format", "cyclonedx", "cyclonedx, spdx-json or spdx3-json")
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to a file instead of standard output")
	return cmd
}

// writeResult writes a result to a file, or to standard output.
func (a *app) writeResult(file string, data []byte) error {
	if file == "" || file == "-" {
		_, err := a.Stdout.Write(data)
		return err
	}
	if err := atomicfile.Write(a.path(file), data, atomicfile.Options{}); err != nil {
		return diag.Fail(diag.ExitUsage, "cannot write %s", file).Because(err)
	}
	return nil
}

// subject finds the one image that a word means, and what its service's lock files
// say of it.
func (a *app) subject(ctx context.Context, word string, f fleetFlags) (scan.Subject, []inventory.Package, error) {
	store, err := a.state.Images(event.Discard{})
	if err != nil {
		return scan.Subject{}, nil, err
	}
	images, err := a.fleets().Images(ctx, store, []string{word}, f.Overrides)
	if err != nil {
		return scan.Subject{}, nil, err
	}
	if len(images) != 1 {
		return scan.Subject{}, nil, diag.Fail(diag.ExitUsage, "%q means %d services", word, len(images)).WithHint("name one service or image")
	}
	return a.subjectOf(ctx, store, images[0], f)
}

// subjectOf opens an image of the store.
func (a *app) subjectOf(ctx context.Context, store *image.Store, img fleet.Image, f fleetFlags) (scan.Subject, []inventory.Package, error) {
	platform := ""
	if len(f.Platforms) > 0 {
		platform = f.Platforms[0]
	}
	subject, err := scan.Open(ctx, store, img.Name, platform)
	if err != nil {
		return scan.Subject{}, nil, err
	}
	return subject, a.compiled(img, f), nil
}

// compiled are the crates of a service; its image does not list them.
func (a *app) compiled(img fleet.Image, f fleetFlags) []inventory.Package {
	if img.Service == img.Name {
		return nil
	}
	loader := a.fleets()
	loader.Warn = func(diag.Findings) {} // told when the image was looked up
	fl, _, err := loader.Choose(a.Dir, []string{img.Service}, f.Overrides)
	if err != nil {
		return nil
	}
	s, _ := fl.Fleet.Named(img.Service)
	return inventory.Crates(repository.FS(fl.Root), s.Path)
}
