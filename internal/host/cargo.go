package host

import (
	"bytes"
	"fmt"
	"path/filepath"

	"github.com/pelletier/go-toml/v2"

	"github.com/slipway-build/slipway/internal/baseimage"
	"github.com/slipway-build/slipway/internal/plaintext"
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
func cargoHost(getenv func(string) string, dir string) (settings, error) {
	home := getenv("CARGO_HOME")
	if !filepath.IsAbs(home) {
		home = baseimage.HomeFile(getenv, ".cargo")
	}
	if home == "" {
		return settings{}, nil
	}
	for _, name := range []string{"config", "config.toml"} { // cargo prefers the one without an ending
		data, ok := read(filepath.Join(home, name))
		if !ok {
			continue
		}
		return keepCargo(cargoSources(data), dir)
	}
	return settings{}, nil
}

// keepCargo writes cargo's sources with credentials and without; with them only if
// there are some.
func keepCargo(kept map[string]any, dir string) (settings, error) {
	if len(kept) == 0 {
		return settings{}, nil
	}
	whole, err := toml.Marshal(kept)
	if err != nil {
		return settings{}, nil // nothing that cargo reads
	}
	s := settings{}
	open, err := toml.Marshal(withoutSecrets(kept, &s.secrets))
	if err != nil {
		return settings{}, nil
	}
	at := filepath.Join(dir, cargoFile)
	s.public = map[string]string{cargoFile: at}
	if err := keepFile(at, open, 0o644); err != nil {
		return settings{}, fmt.Errorf("keeping cargo's configuration for build steps: %w", err)
	}
	if bytes.Equal(whole, open) {
		return s, nil
	}
	at = filepath.Join(dir, "login-"+cargoFile)
	s.private = map[string]string{cargoFile: at}
	if err := keepFile(at, whole, 0o600); err != nil {
		return settings{}, fmt.Errorf("keeping cargo's configuration for build steps: %w", err)
	}
	return s, nil
}

// withoutSecrets returns a table without settings whose names say that they are
// secret, and without logins in addresses but for that of the proxy. It tells their
// words.
func withoutSecrets(table map[string]any, secrets *[]string) map[string]any {
	out := map[string]any{}
	for name, value := range table {
		text, isText := value.(string)
		inner, isTable := value.(map[string]any)
		if isText {
			*secrets = append(*secrets, loginsIn(text)...)
		}
		switch {
		case secretName().MatchString(name):
			if isText {
				*secrets = append(*secrets, text)
			}
		case isTable:
			out[name] = withoutSecrets(inner, secrets)
		case isText && name != "proxy":
			out[name] = plaintext.WithoutLogins(text)
		default:
			out[name] = value
		}
	}
	return out
}

// cargoSources keeps what says where crates come from, without paths of this
// machine; nil when there is nothing, or the text is not valid.
func cargoSources(text []byte) map[string]any {
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
	return kept
}
