package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/moby/patternmatcher/ignorefile"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
)

// assignments parses NAME=VALUE words; NAME alone takes the environment's value.
func (a *app) assignments(flag string, words []string) (map[string]string, error) {
	out := map[string]string{}
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		if name == "" {
			return nil, diag.Fail(diag.ExitUsage, "%s %q has no name", flag, w).WithHint("%s NAME=VALUE", flag)
		}
		if !ok {
			value = a.Getenv(name)
		}
		out[name] = value
	}
	return out, nil
}

// parseSecrets parses --secret id=NAME[,src=FILE|,env=VARIABLE].
func (a *app) parseSecrets(words []string) ([]engine.Secret, error) {
	var out []engine.Secret
	for _, w := range words {
		var s engine.Secret
		for _, field := range strings.Split(w, ",") {
			key, value, _ := strings.Cut(field, "=")
			switch key {
			case "id":
				s.ID = value
			case "src", "source":
				s.File = a.path(value)
			case "env":
				s.Env = value
			case "type":
			default:
				return nil, badSecret(w)
			}
		}
		if s.ID == "" {
			return nil, badSecret(w)
		}
		if s.File == "" && s.Env == "" {
			s.Env = s.ID
		}
		if s.Env != "" && s.File == "" && a.Getenv(s.Env) == "" {
			return nil, diag.Fail(diag.ExitUsage, "the secret %s has no value: the variable %s is not set", s.ID, s.Env).
				WithHint("set it, or name a file: --secret id=%s,src=FILE", s.ID)
		}
		out = append(out, s)
	}
	return out, nil
}

func badSecret(word string) error {
	return diag.Fail(diag.ExitUsage, "--secret %q is not understood", redactSecret(word)).
		WithHint("--secret id=NAME,src=FILE or --secret id=NAME,env=VARIABLE")
}

// redactSecret keeps the keys of a malformed --secret and hides the rest: the
// secret itself may have been written there.
func redactSecret(word string) string {
	fields := strings.Split(word, ",")
	for i, f := range fields {
		if key, _, ok := strings.Cut(f, "="); ok {
			fields[i] = key + "=…"
		} else {
			fields[i] = "…"
		}
	}
	return strings.Join(fields, ",")
}

// parseOutput parses --output in docker's terms.
func (a *app) parseOutput(s string) (engine.Output, error) {
	if s == "" {
		return engine.Output{}, nil
	}
	if !strings.Contains(s, "=") {
		return engine.Output{Kind: engine.OutputLocal, Path: a.path(s)}, nil
	}
	var kind, dest string
	for _, field := range strings.Split(s, ",") {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "type":
			kind = value
		case "dest":
			dest = value
		default:
			return engine.Output{}, badOutput(s)
		}
	}
	kinds := map[string]engine.OutputKind{
		"local": engine.OutputLocal, "tar": engine.OutputTar, "oci": engine.OutputOCI,
		"docker": engine.OutputDocker, "image": engine.OutputStore, "cacheonly": engine.OutputNone,
	}
	k, ok := kinds[kind]
	needsPath := k != engine.OutputStore && k != engine.OutputNone
	if !ok || needsPath == (dest == "") {
		return engine.Output{}, badOutput(s)
	}
	return engine.Output{Kind: k, Path: a.path(dest)}, nil
}

func badOutput(s string) error {
	return diag.Fail(diag.ExitUsage, "--output %q is not understood", s).
		WithHint("--output type=local,dest=DIR, type=tar|oci|docker,dest=FILE, or a directory")
}

// dockerIgnore returns the patterns for a Dockerfile: those of
// Dockerfile.dockerignore, else of .dockerignore in the context.
func dockerIgnore(dir, dockerfile string) ([]string, error) {
	for _, path := range []string{dockerfile + ".dockerignore", filepath.Join(dir, ".dockerignore")} {
		data, err := readFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, diag.Fail(diag.ExitUsage, "reading %s", path).Because(err)
		}
		patterns, err := ignorefile.ReadAll(bytes.NewReader(data))
		if err != nil {
			return nil, diag.Fail(diag.ExitUsage, "reading %s", path).Because(err)
		}
		return patterns, nil
	}
	return nil, nil
}
