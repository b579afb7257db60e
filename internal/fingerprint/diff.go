package fingerprint

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// Kind is what sort of input changed.
type Kind string

// The kinds, in the order of Diff: what explains most comes first.
const (
	First      Kind = "first" // there is nothing to compare with
	Recipe     Kind = "recipe"
	Option     Kind = "option" // target, platforms, compression and the like
	Argument   Kind = "argument"
	Label      Kind = "label"
	SecretID   Kind = "secret"
	Base       Kind = "base"
	Versions   Kind = "versions" // of packages in a lock file
	Dockerfile Kind = "dockerfile"
	Ignore     Kind = "ignore"
	Context    Kind = "context" // a named one
	Content    Kind = "file"
	Unknown    Kind = "unknown"
)

// Change is one reason why two fingerprints differ.
type Change struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name,omitempty"` // of the file, argument, base, …
	Text string `json:"text"`           // "src/index.ts changed"
}

// String returns the change in words.
func (c Change) String() string { return c.Text }

// Diff says what changed from one fingerprint to the next, the most telling
// first; nothing when they are the same. Versions of packages appear when both
// have read them.
func Diff(old, now Print) []Change {
	if now.Same(old) {
		return nil
	}
	if old.Facts == nil {
		return []Change{{First, "", "never built before"}}
	}
	files := diffFiles(old, now)
	out := diffFacts(old.Facts, now.Facts, len(files) > 0)
	out = append(out, files...)
	slices.SortStableFunc(out, func(a, b Change) int { return cmp.Compare(rank(a.Kind), rank(b.Kind)) })
	if len(out) == 0 {
		out = []Change{{Unknown, "", "its inputs cannot be distinguished from those of the last build"}}
	}
	return out
}

func rank(k Kind) int {
	return slices.Index([]Kind{First, Recipe, Option, Argument, Label, SecretID, Base, Versions, Dockerfile, Ignore, Context, Content, Unknown}, k)
}

// diffFacts compares all but the files. What acts only through files is no reason unless
// some of them changed.
func diffFacts(old, now map[string]string, files bool) []Change {
	all := slices.Collect(maps.Keys(old))
	for name := range now {
		if _, ok := old[name]; !ok {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	var out []Change
	for _, name := range all {
		before, had := old[name]
		after, has := now[name]
		if had == has && before == after || !files && (name == factIgnore || name == factModes) {
			continue
		}
		out = append(out, factChange(name, before, after, had, has))
	}
	return out
}

// factChange puts the change of one fact into words.
func factChange(fact, before, after string, had, has bool) Change {
	group, name, _ := strings.Cut(fact, ":")
	switch group + ":" {
	case factArgument:
		return Change{Argument, name, "build argument " + name + verb(had, has)}
	case factLabel:
		return Change{Label, name, "label " + name + verb(had, has)}
	case factSecret:
		text := "secret " + name + verb(had, has)
		if had && has {
			text = "secret " + name + " comes from another place"
		}
		return Change{SecretID, name, text}
	case factBase:
		text := "base " + name + verb(had, has)
		if had && has {
			text = fmt.Sprintf("base %s moved %s → %s", name, short(before), short(after))
		}
		return Change{Base, name, text}
	case factContext:
		return Change{Context, name, name + verb(had, has) + " (named context)"}
	}
	switch fact {
	case factDockerfile:
		return Change{Dockerfile, "", "Dockerfile changed"}
	case factIgnore:
		return Change{Ignore, "", ".dockerignore changed"}
	case factRecipe:
		return Change{Recipe, "", "Slipway's recipe changed" + fromTo(before, after)}
	case factRepository:
		return Change{Option, fact, "the repository moved or has another origin: its cache mounts are new"}
	case factModes:
		return Change{Option, fact, "the rule for file modes changed"}
	}
	return Change{Option, fact, fact + " changed" + fromTo(before, after)}
}

func verb(had, has bool) string {
	switch {
	case !had:
		return " added"
	case !has:
		return " removed"
	}
	return " changed"
}

func fromTo(before, after string) string {
	if before == "" || after == "" {
		return ""
	}
	return ": " + before + " → " + after
}

func diffFiles(old, now Print) []Change {
	before, after := old.Files, now.Files
	if folded(before) != folded(after) {
		before, after = foldOnce(before), foldOnce(after)
	}
	had, has := byPath(before), byPath(after)
	moved := renames(before, after, had, has)
	var out []Change
	for _, f := range after {
		if b, ok := had[f.Path]; !ok {
			if from := moved[f.Path]; from != "" {
				out = append(out, Change{Content, f.Path, from + " renamed to " + f.Path})
			} else {
				out = append(out, Change{Content, f.Path, f.Path + " added"})
			}
		} else if text := fileChange(b, f); text != "" {
			c := Change{Content, f.Path, text}
			if words := diffVersions(old.Versions[f.Path], now.Versions[f.Path]); words != "" {
				c = Change{Versions, f.Path, f.Path + ": " + words}
			}
			out = append(out, c)
		}
	}
	gone := map[string]bool{}
	for _, from := range moved {
		gone[from] = true
	}
	for _, f := range before {
		if _, ok := has[f.Path]; !ok && !gone[f.Path] {
			out = append(out, Change{Content, f.Path, f.Path + " removed"})
		}
	}
	// What is inside tells more than the directory, files more than their modes.
	slices.SortStableFunc(out, func(a, b Change) int { return cmp.Compare(weight(a), weight(b)) })
	return out
}

func weight(c Change) int {
	switch {
	case strings.HasSuffix(c.Text, " changed") && strings.HasPrefix(c.Text, c.Name):
		return 0
	case strings.HasPrefix(c.Text, "mode of "), strings.HasPrefix(c.Text, "time of "):
		return 2
	}
	return 1
}

// fileChange says how one file changed, "" when it did not. Digests may be
// shortened on one side.
func fileChange(a, b File) string {
	switch {
	case a.Mode.Type() != b.Mode.Type():
		return b.Path + " is now a " + kindOf(b)
	case string(a.Sum[:16]) != string(b.Sum[:16]):
		return b.Path + " changed"
	case a.Mode != b.Mode:
		return "mode of " + b.Path + " changed"
	case a.Link != b.Link:
		return "hard links of " + b.Path + " changed"
	case a.MTime != b.MTime:
		return "time of " + b.Path + " changed"
	}
	return ""
}

func kindOf(f File) string {
	switch {
	case f.Mode.IsDir():
		return "directory"
	case f.Mode.IsRegular():
		return "file"
	case f.Mode&fs.ModeSymlink != 0:
		return "symbolic link"
	}
	return "special file"
}

func foldOnce(files []File) []File {
	if folded(files) {
		return files
	}
	return fold(files)
}

// renames pairs files that went away with equal ones that came.
func renames(before, after []File, had, has map[string]File) map[string]string {
	type same struct {
		sum  string
		mode uint32
	}
	gone := map[same][]string{}
	for _, f := range before {
		if _, ok := has[f.Path]; !ok && f.Mode.IsRegular() {
			k := same{string(f.Sum[:16]), uint32(f.Mode)}
			gone[k] = append(gone[k], f.Path)
		}
	}
	moved := map[string]string{}
	for _, f := range after {
		if _, ok := had[f.Path]; ok || !f.Mode.IsRegular() {
			continue
		}
		k := same{string(f.Sum[:16]), uint32(f.Mode)}
		if from := gone[k]; len(from) > 0 {
			moved[f.Path], gone[k] = from[0], from[1:]
		}
	}
	return moved
}

func byPath(files []File) map[string]File {
	out := make(map[string]File, len(files))
	for _, f := range files {
		out[f.Path] = f
	}
	return out
}
