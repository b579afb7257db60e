package cli

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/baseimage"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/plan"
)

// codeUnknownBase is the finding of a base under Slipway's name that there is not.
const codeUnknownBase = "SLP402"

// ownBases returns the assembled bases that a person's Dockerfile names. They
// come in as named contexts, as those of a plan do.
func ownBases(file dockerfile.File) ([]plan.Base, error) {
	var bases []plan.Base
	var unknown diag.Findings
	for _, image := range file.Images {
		if !strings.HasPrefix(image.Name, "slipway/") {
			continue
		}
		name := image.Name
		if name+":latest" == baseimage.ProbeRef {
			name = baseimage.ProbeRef
		}
		spec, err := baseimage.SpecOf(name)
		if err != nil {
			unknown = append(unknown, diag.Finding{Code: codeUnknownBase, Place: image.Place, Text: err.Error(), Hint: diag.HintOf(err)})
			continue
		}
		// Only the build knows which stage runs for which platform.
		bases = append(bases, plan.Base{Ref: name, Role: spec.Role, Version: cmp.Or(spec.NodeMajor, spec.GoMinor), Assembled: true, OnTarget: true})
	}
	return bases, unknown.Errors()
}

// warnUnusedArgs says which build arguments no ARG of the Dockerfile takes.
func (a *app) warnUnusedArgs(given map[string]string, declared []string) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if slices.Contains(declared, name) || predefinedArg(name) {
			continue
		}
		text := fmt.Sprintf("warning: the build argument %s is not used: the Dockerfile has no ARG %s", name, name)
		if near := diag.Nearest(name, declared); near != "" {
			text += fmt.Sprintf("; did you mean %s?", near)
		}
		fmt.Fprintln(a.Stderr, text)
	}
}

// predefinedArg tells whether BuildKit itself takes an argument (Dockerfile
// reference, "Predefined ARGs" and "BuildKit built-in build args").
func predefinedArg(name string) bool {
	name = strings.ToUpper(name)
	return strings.HasSuffix(name, "_PROXY") || strings.HasPrefix(name, "BUILDKIT_") || name == "SOURCE_DATE_EPOCH"
}

// checkDirectories refuses a word that is meant as a directory and is none.
func (a *app) checkDirectories(words []string) error {
	for _, w := range words {
		if !strings.HasPrefix(w, ".") && !strings.HasPrefix(w, "/") && !strings.HasSuffix(w, "/") {
			continue
		}
		info, err := os.Stat(a.path(w))
		if err == nil && info.IsDir() {
			continue
		}
		return diag.Fail(diag.ExitUsage, "there is no directory %s", w).WithHint("slipway build takes a directory with a Dockerfile, or names of services")
	}
	return nil
}
