package contents

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate"
)

// StructureTests is a file of container-structure-test, schema 2.0.0
// (github.com/GoogleContainerTools/container-structure-test, README).
type StructureTests struct {
	Schema    string            `yaml:"schemaVersion"`
	Env       []StructurePair   `yaml:"globalEnvVars"`
	Commands  []CommandTest     `yaml:"commandTests"`
	Existence []ExistenceTest   `yaml:"fileExistenceTests"`
	Contents  []ContentTest     `yaml:"fileContentTests"`
	Metadata  *MetadataTest     `yaml:"metadataTest"`
	Licences  []LicenceTest     `yaml:"licenseTests"`
	Options   *StructureOptions `yaml:"containerRunOptions"`

	file string
	data []byte
}

// StructurePair is a variable or label.
type StructurePair struct {
	Key   string `yaml:"key"`
	Value string `yaml:"value"`
	Regex bool   `yaml:"isRegex"`
}

// StructureOptions say how containers of command tests run.
type StructureOptions struct {
	User         string   `yaml:"user"`
	Privileged   bool     `yaml:"privileged"`
	AllocateTTY  bool     `yaml:"allocateTty"`
	EnvFile      string   `yaml:"envFile"`
	EnvVars      []string `yaml:"envVars"`
	Capabilities []string `yaml:"capabilities"`
	BindMounts   []string `yaml:"bindMounts"`
}

// CommandTest runs a command in the started image.
type CommandTest struct {
	Name           string          `yaml:"name"`
	Setup          [][]string      `yaml:"setup"`
	Teardown       [][]string      `yaml:"teardown"`
	Command        string          `yaml:"command"`
	Args           []string        `yaml:"args"`
	EnvVars        []StructurePair `yaml:"envVars"`
	ExitCode       int             `yaml:"exitCode"`
	ExpectedOutput []string        `yaml:"expectedOutput"`
	ExcludedOutput []string        `yaml:"excludedOutput"`
	ExpectedError  []string        `yaml:"expectedError"`
	ExcludedError  []string        `yaml:"excludedError"`

	User string `yaml:"-"` // of containerRunOptions; empty: the image's
}

// ExistenceTest looks at a path.
type ExistenceTest struct {
	Name         string `yaml:"name"`
	Path         string `yaml:"path"`
	ShouldExist  *bool  `yaml:"shouldExist"` // nil: yes
	Permissions  string `yaml:"permissions"` // "-rw-r--r--"
	UID          *int   `yaml:"uid"`
	GID          *int   `yaml:"gid"`
	ExecutableBy string `yaml:"isExecutableBy"` // "owner", "group", "other", "any"
}

// ContentTest looks at the content of a file.
type ContentTest struct {
	Name     string   `yaml:"name"`
	Path     string   `yaml:"path"`
	Expected []string `yaml:"expectedContents"` // regular expressions
	Excluded []string `yaml:"excludedContents"`
}

// MetadataTest looks at the configuration of the image.
type MetadataTest struct {
	EnvVars        []StructurePair `yaml:"envVars"`
	Env            []StructurePair `yaml:"env"`
	Labels         []StructurePair `yaml:"labels"`
	ExposedPorts   []string        `yaml:"exposedPorts"`
	UnexposedPorts []string        `yaml:"unexposedPorts"`
	Volumes        []string        `yaml:"volumes"`
	Unmounted      []string        `yaml:"unmountedVolumes"`
	Entrypoint     *[]string       `yaml:"entrypoint"`
	Cmd            *[]string       `yaml:"cmd"`
	Workdir        string          `yaml:"workdir"`
	User           string          `yaml:"user"`
}

// LicenceTest looks at the licences of Debian packages.
type LicenceTest struct {
	Debian bool     `yaml:"debian"`
	Files  []string `yaml:"files"`
}

// ReadStructure reads a file of structure tests, YAML or JSON. It refuses unknown keys:
// a test that nobody runs passes for ever.
func ReadStructure(file string, data []byte) (StructureTests, error) {
	t := StructureTests{file: file, data: data}
	const hint = "see the schema 2.0.0 of container-structure-test"
	if err := readYAML(file, data, &t, hint); err != nil {
		return t, err
	}
	if t.Schema != "2.0.0" {
		return t, diag.Findings{{Code: codeFile, Place: diag.Place{File: file, Line: max(1, lineOf(data, "schemaVersion"))}, Hint: `write schemaVersion: "2.0.0"`,
			Text: fmt.Sprintf("the version of the schema is %q", gate.Clip(t.Schema))}}
	}
	var all diag.Findings
	for _, p := range t.patterns() {
		if _, err := regexp.Compile(p); err != nil {
			all = append(all, diag.Finding{Code: codeFile, Place: t.place(p), Text: fmt.Sprintf("%q is not a regular expression: %s", gate.Clip(p), gate.Clip(err.Error())), Hint: "Go's syntax: pkg.go.dev/regexp/syntax"})
		}
	}
	return t, all.Errors()
}

// patterns are all regular expressions of the file.
func (t StructureTests) patterns() []string {
	var out []string
	for _, c := range t.Commands {
		for _, list := range [][]string{c.ExpectedOutput, c.ExcludedOutput, c.ExpectedError, c.ExcludedError} {
			out = append(out, list...)
		}
	}
	for _, c := range t.Contents {
		out = append(append(out, c.Expected...), c.Excluded...)
	}
	if t.Metadata != nil {
		for _, list := range [][]StructurePair{t.Metadata.Env, t.Metadata.EnvVars, t.Metadata.Labels} {
			for _, p := range list {
				if p.Regex {
					out = append(out, p.Value)
				}
			}
		}
	}
	return out
}

// place finds the line of a text in the file.
func (t StructureTests) place(text string) diag.Place {
	for i, line := range strings.Split(string(t.data), "\n") {
		if text != "" && strings.Contains(line, text) {
			return diag.Place{File: t.file, Line: i + 1}
		}
	}
	return diag.Place{File: t.file}
}
