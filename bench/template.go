package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"text/template"

	"golang.org/x/tools/txtar"
)

// templates has an archive for each language, with the files of one service as
// text/template. Executed with an edition, it is a service of that name.
//
//go:embed fleets/*.txtar
var templates embed.FS

// usualName is the file of an archive that is no source of the service.
const usualName = "usual.Dockerfile"

// An edition is one state of a service's sources.
type edition struct {
	Name   string
	Number int      // of the service in its fleet, from 0
	Parts  []string // dependencies that not every service has
	Edits  int      // lines added to a source file
}

// Has tells whether a service has one of the dependencies.
func (e edition) Has(parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return slices.Contains(e.Parts, p) })
}

// Lines numbers the added lines, from 0.
func (e edition) Lines() []int { return e.Count(e.Edits) }

// Count numbers n things, from 0.
func (edition) Count(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// render returns the files of an edition by path.
func render(language string, e edition) (map[string][]byte, error) {
	text, err := templates.ReadFile("fleets/" + language + ".txtar")
	if err != nil {
		return nil, err
	}
	t, err := template.New(language).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, e); err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, f := range txtar.Parse(b.Bytes()).Files {
		files[f.Name] = f.Data
	}
	if len(files[usualName]) == 0 {
		return nil, fmt.Errorf("the template of %s has no %s", language, usualName)
	}
	return files, nil
}

// writeEdition makes the sources in a directory those of an edition. Files that
// have the right content already stay untouched, as when a person edits one.
func writeEdition(dir, language string, e edition) error {
	files, err := render(language, e)
	if err != nil {
		return err
	}
	delete(files, usualName)
	for name, data := range files {
		path := filepath.Join(dir, name)
		old, err := os.ReadFile(path)
		if err == nil && bytes.Equal(old, data) {
			continue
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
