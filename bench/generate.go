package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// A generated service either brings a Dockerfile, and builds in no time, or the
// manifests of a real one, which have to be read for its plan.
const generatedDockerfile = "FROM scratch\nCOPY . /app/\nCMD [\"/app/src/f00001.ts\"]\n"

// generateFleet writes a fleet of services with the same number of files each.
// Every service has the fixed files, with %s in them as its name; sources fill
// the number up. The same arguments write the same bytes.
func generateFleet(dir string, services, files int, fixed map[string][]byte) error {
	if files < len(fixed) {
		return fmt.Errorf("%d files a service are fewer than the %d that each must have", files, len(fixed))
	}
	config := bytes.NewBufferString("version: 1\nfleet: generated\nregistry: registry.example\nservices:\n")
	for i := range services {
		name := fmt.Sprintf("s%05d", i)
		fmt.Fprintf(config, "  %s: {type: job}\n", name)
		if err := generateService(filepath.Join(dir, name), name, files, fixed); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "slipway.yaml"), config.Bytes(), 0o644)
}

func generateService(dir, name string, files int, fixed map[string][]byte) error {
	if err := os.MkdirAll(filepath.Join(dir, "src"), 0o755); err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(fixed)) {
		data := bytes.ReplaceAll(fixed[path], []byte("%s"), []byte(name))
		if err := os.WriteFile(filepath.Join(dir, path), data, 0o644); err != nil {
			return err
		}
	}
	for i := range files - len(fixed) {
		if err := os.WriteFile(filepath.Join(dir, "src", fmt.Sprintf("f%05d.ts", i)), generatedSource(name, i), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generatedSource is one source file: of no two services the same, and between
// half a kilobyte and three.
func generatedSource(service string, file int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// %s, file %d\n", service, file)
	for i := range 10 + file%7*8 {
		fmt.Fprintf(&b, "export const value%d_%d = (n: number) => n * %d;\n", file, i, file*31+i)
	}
	return b.Bytes()
}

// manifestsOf reads what makes a directory a Node.js service, with the name of
// the service left open.
func manifestsOf(service string) (map[string][]byte, error) {
	fixed := map[string][]byte{}
	for _, name := range []string{"package.json", "package-lock.json", "tsconfig.json"} {
		data, err := os.ReadFile(filepath.Join(service, name))
		if err != nil {
			return nil, err
		}
		data = bytes.ReplaceAll(data, []byte("%s"), []byte("%S")) // a script may have one of its own
		fixed[name] = bytes.ReplaceAll(data, []byte(filepath.Base(service)), []byte("%s"))
	}
	return fixed, nil
}
