package fleet

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/baseimage/spec"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/plan"
)

// codeUnknownBase is the finding of a base under Slipway's name that there is not.
const codeUnknownBase = "SLP402"

// imagesOf returns a Dockerfile with the images that a build of it needs: those that
// it names, and those that named contexts put in their place.
func imagesOf(file dockerfile.File, req engine.Request) dockerfile.File {
	file = file.On(req.Args, plan.Host(), req.Platforms).Without(req.Named)
	for _, name := range slices.Sorted(maps.Keys(req.Named)) {
		if ref, ok := strings.CutPrefix(req.Named[name], "docker-image://"); ok {
			file.Images = append(file.Images, dockerfile.Reference{Name: ref, Place: diag.Place{File: "--build-context " + name}})
		}
	}
	return file
}

// UseStored lets a job start from images of the store that its Dockerfile names, as
// docker build does with images of its engine. An image counts that is there for all
// platforms, and that this repository or a person named. It returns their names.
func UseStored(ctx context.Context, store *image.Store, job *pipeline.Job) ([]string, error) {
	var names []string
	for _, ref := range imagesOf(*job.File, job.Request).Images {
		if strings.HasPrefix(ref.Name, "slipway/") || slices.Contains(names, ref.Name) {
			continue
		}
		desc, err := store.Resolve(ctx, ref.Name)
		if err != nil {
			continue // a registry has it, or says why not
		}
		if by, mine := desc.Annotations[image.NamedBy], job.Request.Repository; by != "" && mine != "" && by != mine && !strings.HasPrefix(ref.Place.File, "--build-context") {
			continue // another repository chose to call it so
		}
		platforms, err := store.Platforms(ctx, ref.Name)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(job.Request.Platforms, func(p string) bool { return !slices.Contains(platforms, p) }) {
			continue
		}
		if job.Stored == nil {
			job.Stored = map[string]string{}
		}
		job.Stored[ref.Name] = desc.Digest.String()
		names = append(names, ref.Name)
	}
	return names, nil
}

// OwnBases returns the assembled bases that a person's Dockerfile names. They
// come in as named contexts, as those of a plan do.
func OwnBases(file dockerfile.File) ([]plan.Base, error) {
	var bases []plan.Base
	var unknown diag.Findings
	for _, image := range file.Images {
		if !strings.HasPrefix(image.Name, "slipway/") {
			continue
		}
		name := image.Name
		if spec.Program(name + ":latest") {
			name += ":latest"
		}
		base, err := spec.Of(name)
		if err != nil {
			unknown = append(unknown, diag.Finding{Code: codeUnknownBase, Place: image.Place, Text: err.Error(), Hint: diag.HintOf(err)})
			continue
		}
		// Only the build knows which stage runs for which platform.
		bases = append(bases, plan.Base{Ref: name, Role: base.Role, Version: cmp.Or(base.Bun, base.Deno, base.Node, base.GoMinor), Assembled: true, OnTarget: true})
	}
	return bases, unknown.Errors()
}
