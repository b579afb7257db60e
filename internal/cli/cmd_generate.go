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

// generateFlags are the flags of `slipway generate`.
type generateFlags struct {
	fleetFlags
	force, bake, diff, quality bool
	dir                        string
}

func (a *app) generateCommand() *cobra.Command {
	var f generateFlags
	cmd := &cobra.Command{
		Use:   "generate [SERVICE… | DIR]",
		Short: "Write the Dockerfile and .dockerignore of each service",
		Long: `Write the Dockerfile and .dockerignore of each service into its directory, or
below --dir. A generated Dockerfile does not count as a service's own: Slipway plans
the service again. For members of a workspace, it writes SERVICE.Dockerfile at the
root of the workspace, which is their build context.

Slipway replaces only files that carry its first line and that nobody edited since;
the line has a digest of the file. --diff shows what would change and writes nothing.
--force replaces any file and keeps a backup: Dockerfile~. An existing .dockerignore
of another origin stays. Where the Dockerfile needs other patterns, Slipway writes
Dockerfile.dockerignore, which builders prefer.

For several services, or with --bake, Slipway also writes docker-bake.json, with which
"docker buildx bake" builds the same images without Slipway. The bases are named
contexts in it. By default they come from the registry, to which you push them:
slipway push slipway/node:22-trixie --registry REGISTRY. The variable BASES selects
another place, and --set '*.contexts.BASE=oci-layout://…' a single base.`,
		Example: `  slipway generate
  slipway generate --diff
  slipway generate web --bake
  TAG=v1.2.3 docker buildx bake`,
		RunE: func(_ *cobra.Command, args []string) error {
			f.Afresh, f.Quality = true, true
			t, err := a.fleets().Resolve(args)
			if err != nil {
				return err
			}
			fl, err := a.fleets().Load(t, f.Overrides)
			if err != nil {
				return err
			}
			return a.generate(fl, f)
		},
	}
	f.register(cmd)
	fl := cmd.Flags()
	fl.BoolVar(&f.force, "force", false, "replace files that Slipway did not generate, and keep a backup")
	fl.BoolVar(&f.diff, "diff", false, "print the changes and write nothing")
	fl.BoolVar(&f.quality, "quality", false, "write the quality stages too: lint, unit-tests … and test-verification")
	fl.BoolVar(&f.bake, "bake", false, "write docker-bake.json for a single service too")
	fl.StringVar(&f.dir, "dir", "", "write below this directory, one directory per service")
	return cmd
}

// generate writes the files of the planned services, or shows their changes.
func (a *app) generate(fl *fleet.Fleet, f generateFlags) error {
	var files []generated.File
	for _, s := range fl.Planned {
		more, err := a.generatedFiles(fl, s, f.dir, f.quality || fl.WritesQuality(s.Name))
		if err != nil {
			return err
		}
		files = append(files, more...)
	}
	if f.bake || len(fl.Planned) > 1 {
		bake, err := a.generatedBake(fl, f.dir, f.quality)
		if err != nil {
			return err
		}
		files = append(files, bake)
	}
	w := generated.Writer{Out: a.Stdout, Force: f.force, Shown: a.shown}
	if f.diff {
		return w.Diff(files...)
	}
	return w.Write(files...)
}

// shown is a path as people see it.
func (a *app) shown(path string) string { return repository.Relative(a.Dir, path) }

// generatedFiles are the files of one service.
func (a *app) generatedFiles(fl *fleet.Fleet, s plan.Service, dir string, quality bool) ([]generated.File, error) {
	if s.Dockerfile != "" && dir == "" {
		fmt.Fprintf(a.Stderr, "%s has its own Dockerfile %s; nothing generated\n", s.Name, s.Dockerfile)
		return nil, nil
	}
	text, err := fl.DockerfileOf(s, quality)
	if err != nil {
		return nil, err
	}
	patterns := s.DockerIgnore
	if quality {
		patterns = s.ProvingIgnore()
	}
	ignore := []byte(generated.Line(s.Name) + strings.Join(patterns, "\n") + "\n")
	path := a.generatedPath(fl, s, dir)
	out := []generated.File{{Path: path, Text: text, Is: generated.Is}}
	ignorePath := path + ".dockerignore" // builders prefer it to .dockerignore
	if dir == "" && filepath.Base(path) == "Dockerfile" {
		switch shared := filepath.Join(filepath.Dir(path), ".dockerignore"); generated.Ignores(shared, ignorePath, patterns) {
		case generated.IgnoreFits:
			return out, nil
		case generated.IgnoreFree:
			ignorePath = shared
		case generated.IgnoreOther:
			fmt.Fprintf(a.Stderr, "note: %s was written for another Dockerfile; %s has the patterns for this one, and builders prefer it\n",
				a.shown(shared), a.shown(ignorePath))
		}
	}
	return append(out, generated.File{Path: ignorePath, Text: ignore, Is: generated.Is}), nil
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

// generatedBake is the definition of the fleet for docker buildx bake, for the
// services whose Dockerfiles are written.
func (a *app) generatedBake(fl *fleet.Fleet, dir string, quality bool) (generated.File, error) {
	at := fl.Root
	if dir != "" {
		at = a.path(dir)
	}
	b := dockerfile.Bake{Fleet: fl.Name, Registry: fl.Registry, Tag: fl.Tag, Platforms: fl.Named}
	for _, s := range fl.Planned {
		from := filepath.Join(fl.Root, filepath.FromSlash(s.Dir))
		file := a.generatedPath(fl, s, dir)
		bases := s.Bases
		if quality || fl.WritesQuality(s.Name) {
			bases = s.AllBases()
		}
		if s.Dockerfile != "" {
			own, err := fl.Dockerfile(s)
			if err != nil {
				return generated.File{}, err
			}
			read, err := dockerfile.Read(s.Dockerfile, own)
			if err != nil {
				return generated.File{}, err
			}
			if bases, err = fleet.OwnBases(read); err != nil {
				return generated.File{}, err
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
	return generated.File{Path: filepath.Join(at, dockerfile.BakeFile), Text: dockerfile.RenderBake(b), Is: dockerfile.GeneratedBake}, nil
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
