package detect

import (
	"encoding/json"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// commandOf is the start command of a Dockerfile as an image of a plan runs it:
// without a shell, from the service's directory. nil when it cannot be run so, as
// with a script for a shell, or when the language has programs of its own.
func commandOf(runs dockerfile.Runs, language string, dir fs.FS) []string {
	words := slices.Concat(runs.Entrypoint, runs.Command)
	if runs.Shell {
		if len(words) != 1 && len(runs.Entrypoint) != 1 {
			return nil
		}
		var err error
		if words, err = config.Words(strings.TrimPrefix(words[0], "exec ")); err != nil {
			return nil
		}
	}
	words = withoutWrappers(words)
	if len(words) == 0 {
		return nil
	}
	for i, w := range words {
		words[i] = relativeTo(runs.Workdir, w)
	}
	switch name := path.Base(words[0]); language {
	case "node":
		if slices.Contains([]string{"npm", "yarn", "pnpm", "bun"}, name) {
			if script := scriptOf(dir, words); script != nil || name != "bun" {
				return script
			}
		}
		if (name == "node" || name == "bun") && len(words) > 1 {
			return words
		}
	case "deno":
		if name == "deno" && len(words) > 1 {
			return words
		}
	case "python":
		if slices.Contains([]string{"python", "python3", "uvicorn", "gunicorn", "hypercorn", "daphne", "granian", "flask", "fastapi", "streamlit", "celery", "waitress-serve"}, name) && len(words) > 1 {
			return words
		}
	}
	return nil
}

// withoutWrappers takes off what starts the program in an image of a hub: a small
// init, the entrypoint of its image, the runner of a package manager.
func withoutWrappers(words []string) []string {
	for len(words) > 0 {
		rest := words[1:]
		switch path.Base(words[0]) {
		case "tini", "dumb-init", "catatonit":
			for len(rest) > 0 && strings.HasPrefix(rest[0], "-") {
				rest = rest[1:]
			}
		case "docker-entrypoint.sh":
		case "poetry", "uv", "pipenv", "pdm":
			if len(rest) == 0 || rest[0] != "run" {
				return nil
			}
			rest = rest[1:]
		default:
			return slices.Clone(words)
		}
		words = rest
	}
	return nil
}

// relativeTo makes a path in the Dockerfile's working directory relative to it.
func relativeTo(workdir, word string) string {
	if workdir == "" || workdir == "/" {
		return word
	}
	if word == workdir {
		return "."
	}
	return strings.TrimPrefix(word, workdir+"/")
}

// scriptOf is the script of package.json that a package manager would run, when
// node runs it.
func scriptOf(dir fs.FS, words []string) []string {
	var pkg struct {
		Scripts map[string]string `json:"scripts"`
	}
	data, err := ecosystem.Read(dir, "package.json")
	if err != nil || json.Unmarshal(data, &pkg) != nil {
		return nil
	}
	words = slices.DeleteFunc(words[1:], func(w string) bool { return w == "run" || strings.HasPrefix(w, "-") })
	if len(words) != 1 {
		return nil
	}
	script, err := config.Words(pkg.Scripts[words[0]])
	if err != nil || len(script) < 2 || script[0] != "node" {
		return nil
	}
	return script
}
