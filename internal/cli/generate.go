package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/plan"
)

func (a *app) generateCommand() *cobra.Command {
	var f fleetFlags
	var force, bake bool
	var dir string
	cmd := &cobra.Command{
		Use:   "generate [SERVICE…]",
		Short: "Write the Dockerfile and .dockerignore of each service, to keep",
		Long: `Write the Dockerfile and .dockerignore of each service into its directory, or
below another one. A file that a person wrote is not touched: only files that
carry Slipway's first line are replaced, and --force replaces any. What was
generated before does not count as a service's own Dockerfile: the service is
planned anew. For members of
a workspace, SERVICE.Dockerfile is written at its root, which is their context.

For several services, or with --bake, docker-bake.json is written too: with it,
"docker buildx bake" builds the same images without Slipway. The bases are named
contexts there; by default they come from the registry, where slipway push puts
them: slipway push slipway/node:22-trixie --registry REGISTRY. The variable BASES
names another place, and --set '*.contexts.BASE=oci-layout://…' a single base.`,
		Example: `  slipway generate
  slipway generate web --bake
  TAG=v1.2.3 docker buildx bake`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.afresh = true
			fl, err := a.loadFleet(a.Dir, args, f)
			if err != nil {
				return err
			}
			for _, s := range fl.services {
				if err := a.generate(fl, s, dir, force); err != nil {
					return err
				}
			}
			if bake || len(fl.services) > 1 {
				return a.generateBake(fl, dir, force)
			}
			return nil
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "replace files that were not generated")
	cmd.Flags().BoolVar(&bake, "bake", false, "write docker-bake.json for a single service too")
	cmd.Flags().StringVar(&dir, "dir", "", "write below this directory, one directory a service")
	return cmd
}

// generate writes the files of one service.
func (a *app) generate(fl *fleet, s plan.Service, dir string, force bool) error {
	if s.Dockerfile != "" && dir == "" {
		fmt.Fprintf(a.Stderr, "%s keeps its own Dockerfile %s\n", s.Name, s.Dockerfile)
		return nil
	}
	text, err := fl.dockerfile(s)
	if err != nil {
		return err
	}
	ignore := []byte("# " + s.Name + generatedMark + "\n" + strings.Join(s.DockerIgnore, "\n") + "\n")
	path := a.generatedPath(fl, s, dir)
	ignorePath := path + ".dockerignore" // builders prefer it to .dockerignore
	if dir == "" && filepath.Base(path) == "Dockerfile" {
		ignorePath = filepath.Join(filepath.Dir(path), ".dockerignore")
	}
	if err := a.writeGenerated(path, text, force, false); err != nil {
		return err
	}
	return a.writeGenerated(ignorePath, ignore, force, true)
}

// generatedPath is where the Dockerfile of a service goes.
func (a *app) generatedPath(fl *fleet, s plan.Service, dir string) string {
	switch {
	case dir != "":
		return filepath.Join(a.path(dir), s.Name, "Dockerfile")
	case fl.sharesContext(s):
		return filepath.Join(fl.root, filepath.FromSlash(s.Dir), s.Name+".Dockerfile")
	}
	return filepath.Join(fl.root, filepath.FromSlash(s.Dir), "Dockerfile")
}

// generateBake writes the definition of the fleet for docker buildx bake, for
// the services whose Dockerfiles were just written.
func (a *app) generateBake(fl *fleet, dir string, force bool) error {
	at := fl.root
	if dir != "" {
		at = a.path(dir)
	}
	b := dockerfile.Bake{Fleet: fl.Name, Registry: fl.Registry, Tag: fl.Tag, Platforms: fl.named}
	for _, s := range fl.services {
		from := filepath.Join(fl.root, filepath.FromSlash(s.Dir))
		file := a.generatedPath(fl, s, dir)
		bases := s.Bases
		if s.Dockerfile != "" {
			own, err := fl.dockerfile(s)
			if err != nil {
				return err
			}
			read, err := dockerfile.Read(s.Dockerfile, own)
			if err != nil {
				return err
			}
			if bases, err = ownBases(read); err != nil {
				return err
			}
			if dir == "" {
				file = filepath.Join(fl.root, filepath.FromSlash(s.Dockerfile))
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
	return a.writeUnless(path, dockerfile.RenderBake(b), func(old []byte) bool { return force || dockerfile.GeneratedBake(old) }, false)
}

// slashed is a path relative to a directory, with slashes.
func slashed(dir, path string) string {
	rel, err := filepath.Rel(dir, path)
	if err != nil {
		return path
	}
	return filepath.ToSlash(rel)
}

// sharesContext tells whether a service's build context is not its own: a
// directory above it, or one that another service has too.
func (f *fleet) sharesContext(s plan.Service) bool {
	own := 0
	for _, c := range f.Fleet.Services {
		if path.Clean(c.Path) == s.Dir {
			own++
		}
		if c.Name == s.Name && path.Clean(c.Path) != s.Dir {
			return true
		}
	}
	return own > 1
}

// writeGenerated writes a file unless a person wrote the one that is there. A
// person's .dockerignore is honoured silently, for the plan read it.
func (a *app) writeGenerated(path string, data []byte, force, keep bool) error {
	return a.writeUnless(path, data, func(old []byte) bool { return force || generated(old) }, keep)
}

// writeUnless writes a file unless there is one that may not be replaced; with
// keep that is no failure.
func (a *app) writeUnless(path string, data []byte, replaceable func([]byte) bool, keep bool) error {
	shown := relativeTo(a.Dir, path)
	old, err := readFile(path)
	switch {
	case err == nil && bytes.Equal(old, data):
		return nil
	case err == nil && !replaceable(old):
		if keep {
			return nil
		}
		return diag.Fail(diag.ExitUsage, "%s was not generated by slipway, so it stays", shown).
			WithHint("slipway generate --force replaces it; --dir DIR writes elsewhere")
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := writeFileAtomically(path, data); err != nil {
		return diag.Fail(diag.ExitUsage, "writing %s", shown).Because(err)
	}
	fmt.Fprintln(a.Stdout, "wrote", shown)
	return nil
}

// generatedMark follows the service's name in the first line of what Slipway writes.
const generatedMark = ", planned by Slipway."

// generated tells whether a file carries Slipway's first line.
func generated(data []byte) bool {
	first, _, _ := bytes.Cut(data, []byte("\n"))
	return bytes.HasPrefix(first, []byte("# ")) && bytes.Contains(first, []byte(generatedMark))
}

// writeFileAtomically gives a file its name only when it is complete.
func writeFileAtomically(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}
