package dockerfile

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/slipway-build/slipway/internal/diag"
)

// Stages returns the names of a Dockerfile's stages in order; a stage without a
// name is its number.
func Stages(text []byte) ([]string, error) {
	stages, err := parse(text)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(stages))
	for i, s := range stages {
		if s.Name == "" {
			names = append(names, strconv.Itoa(i))
			continue
		}
		names = append(names, s.Name)
	}
	return names, nil
}

// Images returns the images that a Dockerfile starts from or copies from, as
// written, sorted, without its own stages. Names that contain a variable are
// left out: only the build knows them.
func Images(text []byte) ([]string, error) {
	stages, err := parse(text)
	if err != nil {
		return nil, err
	}
	own := map[string]bool{"scratch": true}
	var images []string
	add := func(name string) {
		_, isNumber := strconv.Atoi(name)
		if name != "" && isNumber != nil && !own[strings.ToLower(name)] && !strings.Contains(name, "$") {
			images = append(images, name)
		}
	}
	for _, s := range stages {
		add(s.BaseName)
		own[strings.ToLower(s.Name)] = true
		for _, command := range s.Commands {
			switch c := command.(type) {
			case *instructions.CopyCommand:
				add(c.From)
			case *instructions.RunCommand:
				for _, m := range instructions.GetMounts(c) {
					add(m.From)
				}
			}
		}
	}
	slices.Sort(images)
	return slices.Compact(images), nil
}

func parse(text []byte) ([]instructions.Stage, error) {
	tree, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("parsing the Dockerfile: %w", err)
	}
	stages, _, err := instructions.Parse(tree.AST, nil)
	if err != nil {
		return nil, fmt.Errorf("parsing the Dockerfile: %w", err)
	}
	return stages, nil
}

// CheckTarget refuses a target that is not a stage of the Dockerfile. Numbers
// count stages from 0, as with other builders.
func CheckTarget(text []byte, target string) error {
	names, err := Stages(text)
	if err != nil {
		return diag.Fail(diag.ExitUsage, "the Dockerfile cannot be read").Because(err)
	}
	if n, err := strconv.Atoi(target); err == nil && n >= 0 && n < len(names) {
		return nil
	}
	if slices.Contains(names, strings.ToLower(target)) {
		return nil
	}
	f := diag.Fail(diag.ExitUsage, "the Dockerfile has no stage %q", target)
	if near := diag.Nearest(target, names); near != "" {
		return f.WithHint("did you mean --target %s?", near)
	}
	return f.WithHint("its stages are %s", strings.Join(names, ", "))
}
