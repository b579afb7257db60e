package main

import (
	"bytes"
	"go/format"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// everyEdition calls f with the services of a language as they are at first, and
// with all that one of them gets later.
func everyEdition(t *testing.T, f func(t *testing.T, l language, e edition, files map[string][]byte)) {
	for _, l := range languages() {
		t.Run(l.name, func(t *testing.T) {
			for _, name := range serviceNames {
				for _, e := range []edition{l.first(name), l.later(name, 2, len(l.added))} {
					files, err := render(l.name, e)
					if err != nil {
						t.Fatal(err)
					}
					f(t, l, e, files)
				}
			}
		})
	}
}

func TestSourcesNameTheirService(t *testing.T) {
	everyEdition(t, func(t *testing.T, _ language, e edition, files map[string][]byte) {
		all := bytes.Join(slices.Collect(maps.Values(files)), nil)
		if !bytes.Contains(all, []byte(e.Name)) || bytes.Contains(all, []byte("{{")) || bytes.Contains(all, []byte("<no value>")) {
			t.Errorf("%s has no name, or holes", e.Name)
		}
	})
}

func TestGoSourcesAreFormatted(t *testing.T) {
	everyEdition(t, func(t *testing.T, l language, e edition, files map[string][]byte) {
		for name, data := range files {
			if filepath.Ext(name) != ".go" {
				continue
			}
			if want, err := format.Source(data); err != nil || !bytes.Equal(want, data) {
				t.Fatalf("%s of %s: %v\n%s", name, e.Name, err, cmp.Diff(string(want), string(data)))
			}
		}
	})
}

// Cargo refuses a lock file with --locked that lacks a package or has one too many.
func TestCargoLocksHaveWhatIsNeededAndNoMore(t *testing.T) {
	name, needs := regexp.MustCompile(`(?m)^name = "(.+)"`), regexp.MustCompile(`(?m)^ "([^" ]+)`)
	everyEdition(t, func(t *testing.T, _ language, e edition, files map[string][]byte) {
		text, ok := files["Cargo.lock"]
		if !ok {
			return
		}
		has, needed := map[string]bool{}, map[string]bool{e.Name: true}
		for _, p := range strings.Split(string(text), "[[package]]")[1:] {
			has[name.FindStringSubmatch(p)[1]] = true
			for _, m := range needs.FindAllStringSubmatch(p, -1) {
				needed[m[1]] = true
			}
		}
		if diff := cmp.Diff(needed, has); diff != "" {
			t.Errorf("%s (-needed +locked):\n%s", e.Name, diff)
		}
	})
}

// A part that a template does not know, or a language does not name, would change
// nothing, and a round of the benchmark would measure nothing.
func TestPartsAreThoseOfTheTemplate(t *testing.T) {
	for _, l := range languages() {
		text, err := templates.ReadFile("fleets/" + l.name + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		known := map[string]bool{}
		for _, m := range regexp.MustCompile(`\.Has ("[^}]+")`).FindAllSubmatch(text, -1) {
			for _, word := range strings.Fields(string(m[1])) {
				known[strings.Trim(word, `"`)] = true
			}
		}
		want := slices.Sorted(slices.Values(slices.Concat(l.parts, l.added)))
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(known))); diff != "" {
			t.Errorf("%s (-language +template):\n%s", l.name, diff)
		}
		if len(l.added) != quickRuns {
			t.Errorf("%s adds %d dependencies, not %d", l.name, len(l.added), quickRuns)
		}
	}
}

func TestFleetsShareSomeDependencySets(t *testing.T) {
	for _, l := range languages() {
		sets := map[string]bool{}
		for _, name := range serviceNames {
			sets[strings.Join(l.first(name).Parts, " ")] = true
		}
		if len(sets) != 8 {
			t.Errorf("%s has %d sets of dependencies, want 8 for ten services", l.name, len(sets))
		}
	}
}

// changed returns the files below dir that differ from those of before.
func changed(before, after map[string]string) []string {
	var out []string
	for name, text := range after {
		if before[name] != text {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func TestAChangeTouchesWhatAPersonWouldTouch(t *testing.T) {
	manifests := map[string][]string{
		"go":     {"go.mod", "go.sum", "internal/platform/platform.go"},
		"python": {"platform_parts.py", "requirements.txt"},
		"java":   {"pom.xml", "src/main/java/com/example/fleet/Parts.java"},
		"rust":   {"Cargo.lock", "Cargo.toml", "src/platform.rs"},
	}
	for _, l := range languages() {
		t.Run(l.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), serviceNames[0])
			if err := writeEdition(dir, l.name, l.first(serviceNames[0])); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(dir, usualName)); err == nil {
				t.Errorf("%s is among the sources", usualName)
			}
			c := l.changes(99)
			last := treeOf(t, dir)
			for round := range c.rounds {
				if err := c.line(dir, round); err != nil {
					t.Fatal(err)
				}
				now := treeOf(t, dir)
				if got := changed(last, now); len(got) != 1 {
					t.Errorf("line %d changes %q, want one file", round, got)
				}
				last = now
			}
			for round := range c.rounds {
				if err := c.dependency(dir, round); err != nil {
					t.Fatal(err)
				}
				now := treeOf(t, dir)
				if diff := cmp.Diff(manifests[l.name], changed(last, now)); diff != "" {
					t.Errorf("dependency %d (-want +got):\n%s", round, diff)
				}
				last = now
			}
		})
	}
}
