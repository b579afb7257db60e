package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A npmPackage is an entry of package-lock.json (version 3). Those below are
// small, need no other package, and are not among those of the fleet, so that
// nobody has them in a cache.
type npmPackage struct{ name, version, license, integrity string }

var newDependencies = [...]npmPackage{
	{"mitt", "3.0.1", "MIT", "sha512-vKivATfr97l2/QBCYAkXYDbrIWPM2IIKEl7YPhjCvKlG3kE2gm+uBo6nEXK3M5/Ffh/FLpKExzOQ3JJoJGFKBw=="},
	{"clsx", "2.1.1", "MIT", "sha512-eYm0QWBtUrBWZWG0d386OGAw16Z995PiOVo2B7bjWSbHedGl5e0ZWaq65kOGgUSNesEIDkB9ISbTg/JK9dhCZA=="},
	{"dequal", "2.0.3", "MIT", "sha512-0je+qPKHEMohvfRTCEo3CrPG6cAzAYgmzKyxRiYSSDkS6eGJdyVJm7WaYA5ECaAD9wLB2T4EEeymA5aFVcYXCA=="},
	{"klona", "2.0.6", "MIT", "sha512-dhG34DXATL5hSxJbIexCft8FChFXtmskoZYnoPWjXQuebWYCNkVeV3KkGegCK9CP1oswI/vQibS2GY7Em/sJJA=="},
	{"kleur", "4.1.5", "MIT", "sha512-o+NO+8WrRiQEE4/7nwRJhN1HWpVmJm511pBHUxPLtp0BUISzlBplORYSmTclCnJvQq2tKu/sgl3xVpkc7ZWuQQ=="},
}

// addDependency adds a package to the manifests of a Node.js service, as
// `npm install --save-exact` would.
func addDependency(service string, p npmPackage) error {
	for name, edit := range map[string]func(map[string]any, npmPackage) error{"package.json": require, "package-lock.json": lock} {
		if err := editJSON(filepath.Join(service, name), func(doc map[string]any) error { return edit(doc, p) }); err != nil {
			return err
		}
	}
	return nil
}

// require adds a package to the dependencies of a manifest.
func require(manifest map[string]any, p npmPackage) error {
	dependencies, ok := manifest["dependencies"].(map[string]any)
	if !ok {
		dependencies = map[string]any{}
		manifest["dependencies"] = dependencies
	}
	if dependencies[p.name] != nil {
		return fmt.Errorf("it depends on %s already", p.name)
	}
	dependencies[p.name] = p.version
	return nil
}

// lock adds a package to what a lock file lists, and to what the service itself
// asks for.
func lock(doc map[string]any, p npmPackage) error {
	packages, _ := doc["packages"].(map[string]any)
	root, ok := packages[""].(map[string]any)
	if !ok {
		return errors.New("it is no lock file of version 3")
	}
	if packages["node_modules/"+p.name] != nil {
		return fmt.Errorf("it has %s already", p.name)
	}
	packages["node_modules/"+p.name] = map[string]any{"version": p.version, "integrity": p.integrity, "license": p.license}
	return require(root, p)
}

// editJSON rewrites a JSON object.
func editJSON(path string, edit func(map[string]any) error) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var doc map[string]any
	in := json.NewDecoder(bytes.NewReader(data))
	in.UseNumber()
	if err := in.Decode(&doc); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	if err := edit(doc); err != nil {
		return fmt.Errorf("changing %s: %w", path, err)
	}
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false) // scripts have && in them
	out.SetIndent("", "  ")
	if err := out.Encode(doc); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
