package node

import (
	"encoding/json"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// compilerOutDir reads outDir of a tsconfig or of what it extends, at most depth
// files deep.
func compilerOutDir(dir fs.FS, name string, depth int) (out, file string, line int) {
	name = path.Clean(name)
	if ecosystem.IsDir(dir, name) {
		name = path.Join(name, "tsconfig.json")
	}
	c, data, err := readTSConfig(dir, name)
	if err != nil || depth == 0 {
		return "", "", 0
	}
	if v := c.CompilerOptions.OutDir; v != "" {
		return path.Join(path.Dir(name), v), name, keyLines(data)["compilerOptions\x00outDir"]
	}
	if parent, ok := c.Extends.(string); ok && strings.HasPrefix(parent, ".") {
		if !strings.HasSuffix(parent, ".json") {
			parent += ".json"
		}
		return compilerOutDir(dir, path.Join(path.Dir(name), parent), depth-1)
	}
	return "", "", 0
}

// tsConfig is the part of tsconfig.json that matters here.
type tsConfig struct {
	Extends         any      `json:"extends"`
	Include         []string `json:"include"`
	Files           []string `json:"files"`
	Exclude         []string `json:"exclude"`
	CompilerOptions struct {
		OutDir      string `json:"outDir"`
		RootDir     string `json:"rootDir"`
		Incremental bool   `json:"incremental"`
		Composite   bool   `json:"composite"`
	} `json:"compilerOptions"`
}

// tsConfig is the compiler's configuration of the service's build, read once.
func (s *service) tsConfig() (tsConfig, []byte, error) {
	if s.compiler == nil || s.compiler.project != s.project {
		s.compiler = &readConfig{project: s.project}
		s.compiler.config, s.compiler.data, s.compiler.err = readTSConfig(s.Dir, s.project)
	}
	return s.compiler.config, s.compiler.data, s.compiler.err
}

// readConfig is what readTSConfig returned for a project.
type readConfig struct {
	project string
	config  tsConfig
	data    []byte
	err     error
}

func readTSConfig(dir fs.FS, name string) (tsConfig, []byte, error) {
	var c tsConfig
	if !fs.ValidPath(name) {
		return c, nil, fs.ErrInvalid
	}
	data, err := ecosystem.Read(dir, name)
	if err != nil {
		return c, nil, err
	}
	data = plainJSON(data)
	return c, data, json.Unmarshal(data, &c)
}

// plainJSON blanks comments and trailing commas, which tsconfig.json may have;
// every line stays where it is.
func plainJSON(data []byte) []byte {
	out := slices.Clone(data)
	blank := func(from, to int) {
		for i := from; i < to; i++ {
			if out[i] != '\n' {
				out[i] = ' '
			}
		}
	}
	comma := -1 // of a comma that nothing has followed yet
	for i := 0; i < len(out); i++ {
		switch c := out[i]; {
		case c == '"':
			for i++; i < len(out) && out[i] != '"'; i++ {
				if out[i] == '\\' {
					i++
				}
			}
			comma = -1
		case c == '/' && i+1 < len(out) && out[i+1] == '/':
			end := i
			for end < len(out) && out[end] != '\n' {
				end++
			}
			blank(i, end)
			i = end - 1
		case c == '/' && i+1 < len(out) && out[i+1] == '*':
			end := len(out)
			if n := strings.Index(string(out[i+2:]), "*/"); n >= 0 {
				end = i + 2 + n + 2
			}
			blank(i, end)
			i = end - 1
		case c == ',':
			comma = i
		case (c == '}' || c == ']') && comma >= 0:
			out[comma] = ' '
			comma = -1
		case c != ' ' && c != '\t' && c != '\r' && c != '\n':
			comma = -1
		}
	}
	return out
}

// PlainJSON is JSON with comments and trailing commas as JSON of the same length.
func PlainJSON(data []byte) []byte { return plainJSON(data) }
