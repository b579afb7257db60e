package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// left are directories that hold what builds and package managers made; they
// are no part of what is measured.
var left = [...]string{".git", "node_modules", ".venv", "__pycache__", "target"}

// Copy copies a directory without what an earlier build left there. Links stay
// links; other special files are left out.
func Copy(to, from string) error {
	return filepath.WalkDir(from, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case e.IsDir():
			if rel != "." && slices.Contains(left[:], e.Name()) {
				return filepath.SkipDir
			}
			return os.MkdirAll(target, 0o755)
		case e.Type() == fs.ModeSymlink:
			link, err := os.Readlink(p)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case !e.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, info.Mode().Perm())
	})
}

// line is what a source change adds to a file, by its extension. Where a comment
// would not change what the compiler makes, it is a declaration.
func line(ext string, run int) (text, words string) {
	switch ext {
	case ".go":
		return fmt.Sprintf("\nvar slipwayBench = \"%d\"\n", run), "a variable"
	case ".rs":
		return fmt.Sprintf("\n#[allow(dead_code)]\npub static SLIPWAY_BENCH: u32 = %d;\n", run), "a static"
	case ".py":
		return fmt.Sprintf("\n# slipway bench %d\n", run), "a comment"
	case ".html", ".htm", ".vue", ".svelte":
		return fmt.Sprintf("\n<!-- slipway bench %d -->\n", run), "a comment"
	case ".css":
		return fmt.Sprintf("\n.slipway-bench-%d { color: inherit }\n", run), "a rule"
	case ".ts", ".tsx", ".js", ".mjs", ".cjs", ".jsx", ".java", ".kt":
		return fmt.Sprintf("\n// slipway bench %d\n", run), "a comment"
	}
	return "", ""
}

func sourceWords(file string) string {
	_, words := line(path.Ext(file), 0)
	return words + " at the end of " + file
}

// changeSource adds a line to a source file.
func changeSource(file string, run int) error {
	text, _ := line(path.Ext(file), run)
	return appendTo(file, text)
}

func manifestWords(file string) string {
	if file == "" {
		return "none: no manifest or lock file found"
	}
	return "an empty line at the end of " + file + ", so that the installation runs again"
}

// changeManifest changes the bytes of a manifest or lock file and nothing that
// it says: what is installed stays the same, but no builder can know.
func changeManifest(file string) error { return appendTo(file, "\n") }

func appendTo(file, text string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// manifests are the files whose change makes dependencies be installed again;
// the first that a directory has is taken. Lock files come first.
var manifests = [...]string{
	"package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock", "package.json",
	"go.sum", "go.mod", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "requirements.txt", "pyproject.toml",
	"Cargo.lock", "Cargo.toml", "pom.xml", "gradle.lockfile", "build.gradle.kts", "build.gradle",
}

// Manifest returns the manifest of a directory that a dependency change is made
// in, "" when it has none.
func Manifest(dir fs.FS) string {
	for _, name := range manifests {
		if info, err := fs.Stat(dir, name); err == nil && info.Mode().IsRegular() {
			return name
		}
	}
	return ""
}

// Source returns the file that a source change is made in: the first of the
// candidates that is source text, else the first such file of the directory,
// those below src before others and tests last. It is "" when there is none.
func Source(dir fs.FS, candidates []string) string {
	for _, c := range candidates {
		if text, _ := line(path.Ext(c), 0); text == "" {
			continue
		}
		if info, err := fs.Stat(dir, c); err == nil && info.Mode().IsRegular() {
			return c
		}
	}
	var found []string
	_ = fs.WalkDir(dir, ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() && p != "." && (slices.Contains(left[:], e.Name()) || strings.HasPrefix(e.Name(), ".")) {
			return fs.SkipDir
		}
		if text, _ := line(path.Ext(p), 0); e.Type().IsRegular() && text != "" {
			found = append(found, p)
		}
		return nil
	})
	if len(found) == 0 {
		return ""
	}
	return slices.MinFunc(found, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
}

// rank orders files by how likely a person changes them to change the program.
func rank(p string) int {
	switch {
	case strings.Contains(p, "test") || strings.Contains(path.Base(p), "config"):
		return 2
	case strings.HasPrefix(p, "src/"):
		return 0
	}
	return 1
}
