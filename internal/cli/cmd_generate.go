package cli

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/generated"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/repository"
)

func (a *app) generateCommand() *cobra.Command {
	var f fleetFlags
	var force, bake bool
	var dir string
	cmd := &cobra.Command{
		Use:   "generate [SERVICE… | DIR]",
		Short: "Write the Dockerfile and .dockerignore of each service",
		Long: `Write the Dockerfile and .dockerignore of each service into its directory, or
below --dir. Slipway replaces only files that carry its first line; --force replaces
any file. A generated Dockerfile does not count as a service's own: Slipway plans the
service again. For members of a workspace, it writes SERVICE.Dockerfile at the root
of the workspace, which is their build context.

For several services, or with --bake, Slipway also writes docker-bake.json, with which
"docker buildx bake" builds the same images without Slipway. The bases are named
contexts in it. By default they come from the registry, to which you push them:
slipway push slipway/node:22-trixie --registry REGISTRY. The variable BASES selects
another place, and --set '*.contexts.BASE=oci-layout://…' a single base.`,
		Example: `  slipway generate
  slipway generate web --bake
  TAG=v1.2.3 docker buildx bake`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Afresh = true
			t, err := a.fleets().Resolve(args)
			if err != nil {
				return err
			}
			fl, err := a.fleets().Load(t, f.Overrides)
			if err != nil {
				return err
			}
			for _, s := range fl.Planned {
				if err := a.generate(fl, s, dir, force); err != nil {
					return err
				}
			}
			if bake || len(fl.Planned) > 1 {
				return a.generateBake(fl, dir, force)
			}
			return nil
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "replace files that Slipway did not generate")
	cmd.Flags().BoolVar(&bake, "bake", false, "write docker-bake.json for a single service too")
	cmd.Flags().StringVar(&dir, "dir", "", "write below this directory, one directory per service")
	return cmd
}

// generate writes the files of one service.
func (a *app) generate(fl *fleet.Fleet, s plan.Service, dir string, force bool) error {
	if s.Dockerfile != "" && dir == "" {
		fmt.Fprintf(a.Stderr, "%s has its own Dockerfile %s; nothing generated\n", s.Name, s.Dockerfile)
		return nil
	}
	text, err := fl.Dockerfile(s)
	if err != nil {
		return err
	}
	ignore := []byte(generated.Line(s.Name) + strings.Join(s.DockerIgnore, "\n") + "\n")
	path := a.generatedPath(fl, s, dir)
	ignorePath := path + ".dockerignore" // builders prefer it to .dockerignore
	if dir == "" && filepath.Base(path) == "Dockerfile" {
		ignorePath = filepath.Join(filepath.Dir(path), ".dockerignore")
	}
	if err := a.files(force).Write(path, text, generated.Is); err != nil {
		return err
	}
	return a.files(force).WriteUnlessForeign(ignorePath, ignore, generated.Is) // the plan read it

}

// files writes into the repository.
func (a *app) files(force bool) generated.Writer {
	return generated.Writer{Out: a.Stdout, Force: force, Shown: func(path string) string { return repository.Relative(a.Dir, path) }}
}

// generatedPath is where the Dockerfile of a service goes.
func (a *app) generatedPath(fl *fleet.Fleet, s plan.Service, dir string) string {
	switch {
	case dir != "":
		return filepath.Join(a.path(dir), s.Name, "Dockerfile")
	case sharesContext(fl, s):
		return filepath.Join(fl.Root, filepath.FromSlash(s.Dir), s.Name+".Dockerfile")
	}
	return filepath.Join(fl.Root, filepath.FromSlash(s.Dir), "Dockerfile")
}

// generateBake writes the definition of the fleet for docker buildx bake, for
// the services whose Dockerfiles were just written.
func (a *app) generateBake(fl *fleet.Fleet, dir string, force bool) error {
	at := fl.Root
	if dir != "" {
		at = a.path(dir)
	}
	b := dockerfile.Bake{Fleet: fl.Name, Registry: fl.Registry, Tag: fl.Tag, Platforms: fl.Named}
	for _, s := range fl.Planned {
		from := filepath.Join(fl.Root, filepath.FromSlash(s.Dir))
		file := a.generatedPath(fl, s, dir)
		bases := s.Bases
		if s.Dockerfile != "" {
			own, err := fl.Dockerfile(s)
			if err != nil {
				return err
			}
			read, err := dockerfile.Read(s.Dockerfile, own)
			if err != nil {
				return err
			}
			if bases, err = fleet.OwnBases(read); err != nil {
				return err
			}
			if dir == "" {
				file = filepath.Join(fl.Root, filepath.FromSlash(s.Dockerfile))
			}
		}
		for _, base := range bases {
			if base.Assembled && !slices.Contains(b.Bases, base.Ref) {
				b.Bases = append(b.Bases, base.Ref)
			}
		}
		b.Targets = append(b.Targets, dockerfile.BakeTarget{Name: s.Name, Context: slashed(at, from), Dockerfile: slashed(from, file)})
	}
	path := filepath.Join(at, dockerfile.BakeFile)
	return a.files(force).Write(path, dockerfile.RenderBake(b), dockerfile.GeneratedBake)
}

// slashed is a path relative to a directory, with slashes.
func slashed(dir, path string) string {
	rel, err := filepath.Rel(dir, path)
	if err != nil {
		return path
	}
	return filepath.ToSlash(rel)
}

// sharesContext reports whether a service's build context is not its own: a
// directory above it, or one that another service has too.
func sharesContext(f *fleet.Fleet, s plan.Service) bool {
	own := 0
	for _, c := range f.Services {
		if path.Clean(c.Path) == s.Dir {
			own++
		}
		if c.Name == s.Name && path.Clean(c.Path) != s.Dir {
			return true
		}
	}
	return own > 1
}
