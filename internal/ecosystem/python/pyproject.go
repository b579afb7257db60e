package python

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// pyproject is the part of pyproject.toml that matters here.
type pyproject struct {
	Project struct {
		Name           string            `toml:"name"`
		Version        string            `toml:"version"`
		Description    string            `toml:"description"`
		License        any               `toml:"license"`
		RequiresPython string            `toml:"requires-python"`
		Dependencies   []string          `toml:"dependencies"`
		Scripts        map[string]string `toml:"scripts"`
	} `toml:"project"`
	BuildSystem struct {
		Requires []string `toml:"requires"`
	} `toml:"build-system"`
	Tool struct {
		Poetry *struct {
			Name         string         `toml:"name"`
			Version      string         `toml:"version"`
			Description  string         `toml:"description"`
			License      string         `toml:"license"`
			Dependencies map[string]any `toml:"dependencies"`
			Scripts      map[string]any `toml:"scripts"`
		} `toml:"poetry"`
		PDM *map[string]any `toml:"pdm"`
		UV  struct {
			Sources   map[string]any `toml:"sources"`
			Workspace any            `toml:"workspace"`
		} `toml:"uv"`
	} `toml:"tool"`

	data []byte
}

// parsePyproject decodes pyproject.toml. An error says at which line it stopped.
func parsePyproject(data []byte) (*pyproject, int, error) {
	p := &pyproject{data: data}
	if err := toml.Unmarshal(data, p); err != nil {
		return nil, errorLine(err), err
	}
	return p, 0, nil
}

func errorLine(err error) int {
	var at *toml.DecodeError
	if errors.As(err, &at) {
		line, _ := at.Position()
		return line
	}
	return 0
}

// line returns the first line of pyproject.toml that has a text, 0 without.
func (p *pyproject) line(text string) int { return lineOf(p.data, text) }

func lineOf(data []byte, text string) int {
	if i := bytes.Index(data, []byte(text)); i >= 0 && text != "" {
		return ecosystem.LineAt(data, int64(i))
	}
	return 0
}

// name, version, description and licence are the standard's, else Poetry's.
func (p *pyproject) name() string {
	if p.Project.Name == "" && p.Tool.Poetry != nil {
		return p.Tool.Poetry.Name
	}
	return p.Project.Name
}

func (p *pyproject) version() string {
	if p.Project.Version == "" && p.Tool.Poetry != nil {
		return p.Tool.Poetry.Version
	}
	return p.Project.Version
}

func (p *pyproject) description() string {
	if p.Project.Description == "" && p.Tool.Poetry != nil {
		return p.Tool.Poetry.Description
	}
	return p.Project.Description
}

func (p *pyproject) licence() string {
	if l, ok := p.Project.License.(string); ok {
		return l
	}
	if p.Tool.Poetry != nil {
		return p.Tool.Poetry.License
	}
	return ""
}

// python is what the project says of the interpreter, and the key that says it.
func (p *pyproject) python() (text, key string) {
	var poetry string
	if p.Tool.Poetry != nil {
		poetry, _ = p.Tool.Poetry.Dependencies["python"].(string)
	}
	switch standard := p.Project.RequiresPython; {
	case standard == "" && poetry == "":
		return "", ""
	case standard == "":
		return poetry, "python ="
	case poetry == "" || poetry == "*" || strings.Contains(poetry, "||"):
		return standard, "requires-python"
	default:
		return standard + "," + poetry, "requires-python"
	}
}

// scripts are the entry points, "module:function" by name.
func (p *pyproject) scripts() map[string]string {
	out := maps.Clone(p.Project.Scripts)
	if out == nil {
		out = map[string]string{}
	}
	if p.Tool.Poetry != nil {
		for name, target := range p.Tool.Poetry.Scripts {
			if text, ok := target.(string); ok {
				out[name] = text
			}
		}
	}
	return out
}

// dependencies are what the project needs to run.
func (p *pyproject) dependencies() []dep {
	var out []dep
	for _, text := range p.Project.Dependencies {
		if d, ok := parseRequirement(text); ok {
			d.file, d.line = "pyproject.toml", p.line(text)
			out = append(out, d)
		}
	}
	if p.Tool.Poetry == nil {
		return out
	}
	for _, name := range slices.Sorted(maps.Keys(p.Tool.Poetry.Dependencies)) {
		if name == "python" {
			continue
		}
		d := tableDep(name, p.Tool.Poetry.Dependencies[name])
		d.file, d.line = "pyproject.toml", p.line("\n"+name)
		if d.line > 0 {
			d.line++
		}
		out = append(out, d)
	}
	return out
}

// tableDep reads Poetry's and Pipenv's way to write a dependency: a text, or a
// table with version and extras.
func tableDep(name string, value any) dep {
	d := dep{name: normalised(name)}
	switch v := value.(type) {
	case string:
		d.spec = v
	case map[string]any:
		d.spec, _ = v["version"].(string)
		extras, _ := v["extras"].([]any)
		for _, e := range extras {
			if text, ok := e.(string); ok {
				d.extras = append(d.extras, normalised(text))
			}
		}
	}
	return d
}

// locals are the dependencies that are directories or archives of the repository, as
// Poetry writes them.
func (p *pyproject) locals() []local {
	if p.Tool.Poetry == nil {
		return nil
	}
	var out []local
	for _, name := range slices.Sorted(maps.Keys(p.Tool.Poetry.Dependencies)) {
		for _, t := range tables(p.Tool.Poetry.Dependencies[name]) {
			for _, key := range []string{"path", "file"} {
				if at, ok := t[key].(string); ok {
					out = append(out, local{name: normalised(name), dir: at})
				}
			}
		}
	}
	return out
}

// fileLocals are the dependencies that are directories or archives of the repository,
// as PDM and Hatch write them: "lib @ file:///${PROJECT_ROOT}/lib".
func (p *pyproject) fileLocals() []local {
	var out []local
	for _, text := range p.Project.Dependencies {
		name, _, _ := strings.Cut(text, "@")
		if !strings.Contains(text, "file:") {
			continue
		}
		at := parseReference(text).path
		for _, root := range []string{"/${PROJECT_ROOT}/", "/{root:uri}/", "/{root}/"} {
			at = strings.TrimPrefix(at, root)
		}
		out = append(out, local{name: normalised(strings.TrimSpace(name)), dir: at})
	}
	return out
}

// specSet writes comparators in one order.
func specSet(spec string) string {
	words := strings.Split(strings.ReplaceAll(spec, " ", ""), ",")
	slices.Sort(words)
	return strings.Join(words, ",")
}
