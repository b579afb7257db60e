package contents

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/proof/layer"
)

// CommandResult is how a command in a container ended.
type CommandResult struct {
	Problem        string // why it did not start, such as a failed setup; empty: it ran
	ExitCode       int
	Stdout, Stderr string
}

// View is what structure tests look at.
type View struct {
	Image *gate.Image
	Tree  *layer.Tree
	// Read returns the content of a file of the tree; nil: content tests do not run.
	Read func(path string) ([]byte, error)
	// Run runs a command test in a new container; nil: command tests do not run.
	Run func(ctx context.Context, test CommandTest) (CommandResult, error)
}

// Run runs the tests. What cannot run is a result too. The error is one of reading the
// image or starting it.
func (t StructureTests) Run(ctx context.Context, v View) ([]gate.StructureResult, error) {
	out := []gate.StructureResult{}
	add := func(name, problem, skipped string) {
		out = append(out, gate.StructureResult{Name: name, File: t.file, Line: t.place(name).Line, Problem: problem, Skipped: skipped})
	}
	for _, test := range t.Existence {
		add(test.Name, test.problem(v.Tree), "")
	}
	for _, test := range t.Contents {
		if v.Read == nil {
			add(test.Name, "", "the contents of files are not known")
			continue
		}
		problem, err := test.problem(v)
		if err != nil {
			return out, err
		}
		add(test.Name, problem, "")
	}
	if t.Metadata != nil {
		problems := t.Metadata.problems(v.Image)
		out = append(out, gate.StructureResult{Name: "metadataTest", File: t.file, Line: t.place("metadataTest").Line, Problem: strings.Join(problems, "; ")})
	}
	for _, test := range t.Commands {
		if why := t.Options.lacks(); why != "" || v.Run == nil {
			add(test.Name, "", cmp.Or(why, "nothing is started here"))
			continue
		}
		test.EnvVars = slices.Concat(t.Env, test.EnvVars)
		if t.Options != nil {
			test.User = t.Options.User
		}
		got, err := v.Run(ctx, test)
		if err != nil {
			return out, fmt.Errorf("running the command test %q: %w", test.Name, err)
		}
		add(test.Name, test.problem(got), "")
	}
	for range t.Licences {
		out = append(out, gate.StructureResult{Name: "licenseTests", File: t.file, Line: t.place("licenseTests").Line, Skipped: "gates: {licences: {deny: […]}} checks licences"})
	}
	return out, nil
}

func (t ExistenceTest) problem(tree *layer.Tree) string {
	f, exists := find(tree, t.Path)
	switch want := t.ShouldExist == nil || *t.ShouldExist; {
	case want && !exists:
		return t.Path + " does not exist in the image"
	case !want && exists:
		return t.Path + " exists in the image"
	case !exists:
		return ""
	}
	if got := permissions(f); t.Permissions != "" && got != t.Permissions {
		return fmt.Sprintf("%s has the permissions %s, not %s", t.Path, got, t.Permissions)
	}
	if t.UID != nil && int(f.UID) != *t.UID {
		return fmt.Sprintf("%s belongs to the user %d, not %d", t.Path, f.UID, *t.UID)
	}
	if t.GID != nil && int(f.GID) != *t.GID {
		return fmt.Sprintf("%s belongs to the group %d, not %d", t.Path, f.GID, *t.GID)
	}
	bits, ok := map[string]uint16{"": 0, "owner": 0o100, "group": 0o010, "other": 0o001, "any": 0o111}[t.ExecutableBy]
	switch {
	case !ok:
		return fmt.Sprintf("isExecutableBy cannot be %q: owner, group, other or any", gate.Clip(t.ExecutableBy))
	case bits != 0 && f.Mode&bits == 0:
		return fmt.Sprintf("%s is not executable by %s (%s)", t.Path, t.ExecutableBy, permissions(f))
	}
	return ""
}

// find looks a path up and does not follow a link that it is itself, as the tests'
// own program does.
func find(tree *layer.Tree, p string) (layer.File, bool) {
	p = strings.Trim(p, "/")
	dir, name := "", p
	if at := strings.LastIndexByte(p, '/'); at >= 0 {
		dir, name = p[:at], p[at+1:]
	}
	real, ok := tree.Lookup("/" + dir)
	if !ok {
		return layer.File{}, false
	}
	want := strings.TrimPrefix(real.Path+"/"+name, "/")
	for f := range tree.Files {
		if f.Path == want {
			return f, true
		}
	}
	return layer.File{}, false
}

// permissions are written as ls does.
func permissions(f layer.File) string {
	mode := fs.FileMode(f.Mode & 0o777)
	for bit, flag := range map[uint16]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if f.Mode&bit != 0 {
			mode |= flag
		}
	}
	switch f.Kind {
	case layer.Directory:
		mode |= fs.ModeDir
	case layer.Symlink:
		mode |= fs.ModeSymlink
	case layer.Device:
		mode |= fs.ModeDevice
	}
	return mode.String()
}

func (t ContentTest) problem(v View) (string, error) {
	f, ok := v.Tree.Lookup(t.Path)
	if !ok || f.Kind != layer.Regular {
		return t.Path + " is not a file of the image", nil
	}
	data, err := v.Read("/" + f.Path)
	if err != nil {
		return "", fmt.Errorf("reading %s of the image: %w", t.Path, err)
	}
	return matches(t.Path, string(data), t.Expected, t.Excluded), nil
}

// matches says which expression of a text does not hold, "" when all do.
func matches(what, text string, expected, excluded []string) string {
	for _, p := range expected {
		if ok, err := regexp.MatchString(p, text); err != nil || !ok {
			return fmt.Sprintf("%s does not match %q", what, gate.Clip(p))
		}
	}
	for _, p := range excluded {
		if ok, err := regexp.MatchString(p, text); err != nil || ok {
			return fmt.Sprintf("%s matches %q", what, gate.Clip(p))
		}
	}
	return ""
}

// lacks names what options ask of containers that Slipway does not give them, "" for
// nothing.
func (o *StructureOptions) lacks() string {
	if o == nil {
		return ""
	}
	var asked []string
	for _, c := range []struct {
		key   string
		wants bool
	}{{"privileged", o.Privileged}, {"allocateTty", o.AllocateTTY}, {"envFile", o.EnvFile != ""}, {"envVars", len(o.EnvVars) > 0}, {"capabilities", len(o.Capabilities) > 0}, {"bindMounts", len(o.BindMounts) > 0}} {
		if c.wants {
			asked = append(asked, c.key)
		}
	}
	if len(asked) == 0 {
		return ""
	}
	return "Slipway does not give containers of tests " + strings.Join(asked, ", ") + " of containerRunOptions"
}

func (t CommandTest) problem(got CommandResult) string {
	if got.Problem != "" {
		return got.Problem
	}
	if got.ExitCode != t.ExitCode {
		return fmt.Sprintf("%s ended with exit code %d, not %d: %s", t.Command, got.ExitCode, t.ExitCode, gate.Clip(got.Stderr))
	}
	if p := matches("its output", got.Stdout, t.ExpectedOutput, t.ExcludedOutput); p != "" {
		return p
	}
	return matches("its error output", got.Stderr, t.ExpectedError, t.ExcludedError)
}

// problems lists what an image's configuration has otherwise.
func (t MetadataTest) problems(img *gate.Image) []string {
	var out []string
	env := map[string]string{}
	for _, kv := range img.Env {
		name, value, _ := strings.Cut(kv, "=")
		env[name] = value
	}
	out = append(out, differing("the variable", env, slices.Concat(t.Env, t.EnvVars))...)
	out = append(out, differing("the label", img.Labels, t.Labels)...)
	out = append(out, listed("the port", "exposed", img.Ports, t.ExposedPorts, t.UnexposedPorts, samePort)...)
	out = append(out, listed("the volume", "declared", img.Volumes, t.Volumes, t.Unmounted, func(a, b string) bool { return a == b })...)
	if t.Entrypoint != nil && !slices.Equal(*t.Entrypoint, img.Entrypoint) {
		out = append(out, fmt.Sprintf("the entrypoint is %q, not %q", img.Entrypoint, *t.Entrypoint))
	}
	if t.Cmd != nil && !slices.Equal(*t.Cmd, img.Cmd) {
		out = append(out, fmt.Sprintf("the command is %q, not %q", img.Cmd, *t.Cmd))
	}
	if t.Workdir != "" && t.Workdir != img.Workdir {
		out = append(out, fmt.Sprintf("the working directory is %q, not %q", img.Workdir, t.Workdir))
	}
	if t.User != "" && t.User != img.User {
		out = append(out, fmt.Sprintf("the user is %q, not %q", img.User, t.User))
	}
	return out
}

func differing(what string, have map[string]string, want []StructurePair) []string {
	var out []string
	for _, p := range want {
		got, ok := have[p.Key]
		same := got == p.Value
		if p.Regex {
			matched, err := regexp.MatchString(p.Value, got)
			same = err == nil && matched
		}
		switch {
		case !ok:
			out = append(out, fmt.Sprintf("%s %s is missing", what, p.Key))
		case !same:
			out = append(out, fmt.Sprintf("%s %s is not %q", what, p.Key, gate.Clip(p.Value))) // its value may be a secret
		}
	}
	return out
}

func listed(what, how string, have, want, unwanted []string, same func(a, b string) bool) []string {
	var out []string
	has := func(one string) bool {
		return slices.ContainsFunc(have, func(h string) bool { return same(h, one) })
	}
	for _, one := range want {
		if !has(one) {
			out = append(out, fmt.Sprintf("%s %s is not %s", what, one, how))
		}
	}
	for _, one := range unwanted {
		if has(one) {
			out = append(out, fmt.Sprintf("%s %s is %s", what, one, how))
		}
	}
	return out
}

// samePort compares "8080/tcp" with "8080".
func samePort(a, b string) bool {
	usual := func(s string) string {
		if _, err := strconv.Atoi(s); err == nil {
			return s + "/tcp"
		}
		return s
	}
	return usual(a) == usual(b)
}
