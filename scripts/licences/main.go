// Command licences writes docs/THIRD_PARTY.md: each module that slipway, its probes,
// slipway-tools and its runc link, with the licences of the files that lie beside its linked
// packages. It asks the go command and the module cache, nothing else.
//
//	licences /path/to/slipway
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// program is one that is shipped, as the go command lists it.
type program struct {
	Title, Intro string
	Dir          string // below the repository
	Package      string
	Tags         string
	Systems      []string
}

func programs() []program {
	return []program{
		{
			Title: "slipway on Linux", Dir: ".", Package: "./cmd/slipway", Systems: []string{"linux"},
			Intro: "Modules that `bin/slipway` links.",
		},
		{
			Title: "slipway on macOS and Windows, in addition", Dir: ".", Package: "./cmd/slipway", Systems: []string{"darwin", "windows"},
			Intro: "These builds have no embedded engine and link fewer of the modules above, and these.",
		},
		{
			Title: "slipway-probe", Dir: ".", Package: "./cmd/slipway-probe", Tags: "probetls", Systems: []string{"linux"},
			Intro: "The probe that images carry, embedded in slipway. The small one links no module.",
		},
		{
			Title: "slipway-tools", Dir: ".", Package: "./cmd/slipway-tools", Systems: []string{"linux"},
			Intro: "The second program, embedded in slipway: what is too heavy for it.",
		},
		{
			Title: "runc", Dir: "internal/assets/runc", Package: "github.com/opencontainers/runc",
			Tags: "seccomp netgo osusergo urfave_cli_no_docs", Systems: []string{"linux"},
			Intro: "Embedded in slipway as a program of its own.",
		},
	}
}

// module is a linked module with the directories of its linked packages.
type module struct {
	Path, Version, Dir string
	packages           []string
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: licences REPOSITORY")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func write(root string) error {
	var out bytes.Buffer
	head, err := header(root)
	if err != nil {
		return err
	}
	out.WriteString(head)
	seen, problems := map[string]bool{}, []error(nil)
	for _, p := range programs() {
		mods, err := linked(root, p)
		if err != nil {
			return err
		}
		if len(p.Systems) > 1 { // only what the table before lacks
			mods = slices.DeleteFunc(mods, func(m module) bool { return seen[m.Path] })
		}
		fmt.Fprintf(&out, "\n## %s\n\n%s\n\n| module | version | licence |\n|---|---|---|\n", p.Title, p.Intro)
		for _, m := range mods {
			seen[m.Path] = true
			ids, err := licences(m)
			problems = append(problems, err)
			fmt.Fprintf(&out, "| [%s](https://pkg.go.dev/%s@%s?tab=licenses) | %s | %s |\n", m.Path, m.Path, m.Version, m.Version, strings.Join(ids, " AND "))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, "docs", "THIRD_PARTY.md"), out.Bytes(), 0o644)
}

// header is what no module table has: Go itself, the C libraries and the data.
func header(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "scripts", "licences", "header.md"))
	if err != nil {
		return "", err
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", err
	}
	toolchain := regexp.MustCompile(`(?m)^toolchain (go\S+)$`).FindSubmatch(mod)
	if toolchain == nil {
		return "", errors.New("go.mod has no toolchain line")
	}
	return strings.ReplaceAll(string(text), "{{toolchain}}", string(toolchain[1])), nil
}

// linked lists the modules of a program's packages, sorted by path.
func linked(root string, p program) ([]module, error) {
	byPath := map[string]*module{}
	for _, system := range p.Systems {
		cmd := exec.Command("go", "list", "-deps", "-tags", p.Tags, "-json=Dir,Module", p.Package)
		cmd.Dir = filepath.Join(root, p.Dir)
		cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=1", "PWD="+cmd.Dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
		}
		for dec := json.NewDecoder(bytes.NewReader(out)); ; {
			var pkg struct {
				Dir    string
				Module *struct {
					Path, Version, Dir string
					Main               bool
				}
			}
			if err := dec.Decode(&pkg); err == io.EOF {
				break
			} else if err != nil {
				return nil, err
			}
			m := pkg.Module
			if m == nil || m.Main {
				continue
			}
			if byPath[m.Path] == nil {
				byPath[m.Path] = &module{Path: m.Path, Version: m.Version, Dir: m.Dir}
			}
			byPath[m.Path].packages = append(byPath[m.Path].packages, pkg.Dir)
		}
	}
	var out []module
	for _, m := range byPath {
		out = append(out, *m)
	}
	slices.SortFunc(out, func(a, b module) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

var (
	licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)([.-].*)?$`)
	elsewhere   = regexp.MustCompile(`(?i)([.-]docs?(\.\w+)?|\.go)$`) // of documentation, which no program links; code
)

// licences identifies the licence files of a module's root and of the directories
// of its linked packages, up to the root.
func licences(m module) ([]string, error) {
	if ids := read()[m.Path+"@"+m.Version]; ids != nil {
		return ids, nil
	}
	dirs := map[string]bool{m.Dir: true}
	for _, d := range m.packages {
		for ; len(d) > len(m.Dir); d = filepath.Dir(d) {
			dirs[d] = true
		}
	}
	var ids []string
	for dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.IsDir() || !licenceFile.MatchString(e.Name()) || elsewhere.MatchString(e.Name()) {
				continue
			}
			found, err := identify(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.Path, err)
			}
			ids = append(ids, found...)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 0 {
		return nil, fmt.Errorf("%s@%s: no licence file beside its packages; name its licence in read", m.Path, m.Version)
	}
	return ids, nil
}

// read names the licences of modules whose files do not say it in a known form, for
// the version that a person has read.
func read() map[string][]string {
	return map[string][]string{
		// "All these files have been put into the public domain."
		"github.com/xi2/xz@v0.0.0-20171230120015-48954b6210f8": {"LicenseRef-public-domain"},
		// The user's choice of two, and a third for its documentation.
		"github.com/spdx/tools-golang@v0.5.7": {"Apache-2.0 OR GPL-2.0-or-later"},
	}
}

// identify returns the SPDX identifiers of the licences in a file.
func identify(file string) ([]string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var ids []string
	found := licensecheck.Scan(data)
	for _, match := range found.Match {
		if !match.IsURL {
			ids = append(ids, match.ID)
		}
	}
	if len(ids) == 0 || found.Percent < 60 {
		first, _, _ := bufio.NewReader(bytes.NewReader(data)).ReadLine()
		return nil, fmt.Errorf("%s is of no known licence (%.0f %% is, %v): %q", file, found.Percent, ids, first)
	}
	return ids, nil
}
