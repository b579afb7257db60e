package cli

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// outsideScripts are the commands whose --json no script can have, because it needs
// an engine or a mirror, and the test that compares it.
func outsideScripts() map[string]string {
	return map[string]string{
		"slipway bench":         "internal/bench: TestRunTakesTurnsAndChangesACopy, testdata/result.json",
		"slipway bases build":   "TestBasesJSON",
		"slipway bases update":  "TestBasesJSON",
		"slipway bases lock":    "prints no JSON; the flag is for all commands of bases",
		"slipway deploy status": "TestStatusJSON",
		"slipway host status":   "test/e2e: TestAHostIsReplacedUnderLoad",
	}
}

// TestEveryCommandHasAScript: each command that people see is run by a script, and
// where it has --json the value is compared whole.
func TestEveryCommandHasAScript(t *testing.T) {
	ran, compared := scripted(t)
	for _, c := range commands((&app{}).root()) {
		path := c.CommandPath()
		if !c.Runnable() || c.Name() == "help" || c.Name() == "completion" || c.Parent() != nil && c.Parent().Name() == "completion" {
			continue
		}
		if !ran[path] {
			t.Errorf("no script runs %q: write one in testdata/script", path)
		}
		if c.Flag("json") == nil || compared[path] {
			continue
		}
		if _, elsewhere := outsideScripts()[path]; !elsewhere {
			t.Errorf("no script compares the JSON of %q: exec %s --json, json, cmp out.json FILE", path, path)
		}
	}
}

// scripted returns the commands that scripts run, and those whose JSON is compared.
func scripted(t *testing.T) (ran, compared map[string]bool) {
	t.Helper()
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scripts: %v", len(files), err)
	}
	ran, compared = map[string]bool{}, map[string]bool{}
	root := (&app{}).root()
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		script, _, _ := strings.Cut(string(data), "\n-- ")
		last, withJSON := "", false
		for line := range strings.Lines(script) {
			words := strings.Fields(line)
			if len(words) > 0 && strings.HasPrefix(words[0], "[") || len(words) > 0 && words[0] == "!" {
				words = words[1:]
			}
			switch {
			case len(words) > 1 && words[0] == "exec" && words[1] == "slipway":
				words = words[2:]
			case len(words) > 1 && words[0] == "code":
				words = words[2:]
			case len(words) > 1 && words[0] == "try":
				words = words[1:]
			case len(words) > 0 && words[0] == "json" && withJSON:
				compared[last] = true
				continue
			default:
				continue
			}
			c, _, err := root.Find(words)
			if err != nil {
				continue // a command that does not exist
			}
			last, withJSON = c.CommandPath(), slices.Contains(words, "--json")
			ran[last] = true
		}
	}
	return ran, compared
}

// TestExceptionsExist keeps the list of exceptions to commands that exist.
func TestExceptionsExist(t *testing.T) {
	var names []string
	for _, c := range commands((&app{}).root()) {
		names = append(names, c.CommandPath())
	}
	for path := range maps.Keys(outsideScripts()) {
		if !slices.Contains(names, path) {
			t.Errorf("there is no command %q", path)
		}
	}
}
