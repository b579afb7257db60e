package host

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/pelletier/go-toml/v2"
)

// cargoFile is the name, below embedded.StepDir, of what cargo's configuration on
// this machine says of registries. The toolchain bases of Rust have a link to it
// where cargo looks, because cargo takes sources from no variable.
const cargoFile = "cargo.toml"

// cargoTables are those of cargo's configuration that say where crates come from.
// How this machine compiles and links is none of a build step's business.
func cargoTables() []string { return []string{"source", "registries", "registry", "net", "http"} }

// cargoHost returns the files that build steps see of cargo's configuration,
// which is that of the user; they are kept in a directory.
func cargoHost(getenv func(string) string, dir string) (map[string]string, error) {
	home := getenv("CARGO_HOME")
	if home == "" {
		home = filepath.Join(getenv("HOME"), ".cargo")
	}
	for _, name := range []string{"config", "config.toml"} { // cargo prefers the one without an ending
		data, err := os.ReadFile(filepath.Join(home, name))
		if err != nil || len(data) > 1<<20 {
			continue
		}
		kept := cargoSources(data)
		if kept == nil {
			return nil, nil
		}
		at := filepath.Join(dir, cargoFile)
		if err := keepFile(at, kept); err != nil {
			return nil, fmt.Errorf("keeping cargo's configuration for build steps: %w", err)
		}
		return map[string]string{cargoFile: at}, nil
	}
	return nil, nil
}

// cargoSources keeps what says where crates come from, without paths of this
// machine; nil when there is nothing, or the text is not valid.
func cargoSources(text []byte) []byte {
	var all map[string]any
	if toml.Unmarshal(text, &all) != nil {
		return nil
	}
	kept := map[string]any{}
	for _, name := range cargoTables() {
		if table, ok := all[name].(map[string]any); ok {
			kept[name] = table
		}
	}
	if http, ok := kept["http"].(map[string]any); ok {
		delete(http, "cainfo") // steps have the certificates of this machine
	}
	if net, ok := kept["net"].(map[string]any); ok {
		delete(net, "git-fetch-with-cli")
	}
	for name, table := range kept {
		if len(table.(map[string]any)) == 0 {
			delete(kept, name)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	out, err := toml.Marshal(kept)
	if err != nil {
		return nil
	}
	return out
}
