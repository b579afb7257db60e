package ecosystem

import (
	"math"
	"path"
	"strings"
	"sync"

	"github.com/moby/patternmatcher"

	"github.com/slipway-build/slipway/internal/plan"
)

// Why a path is left out of production, as `slipway plan` says it.
const (
	WhyVersionControl = "version control"
	WhyEditor         = "editor settings"
	WhyCI             = "CI settings"
	WhyCache          = "cache"
	WhySecret         = "secret"
	WhyTests          = "tests"
	WhyContainer      = "container build file"
	WhyTools          = "settings of development tools"
	WhyPeople         = "documentation"
	WhyReplaced       = "replaced by the build"
	WhyExcluded       = "exclude: in slipway.yaml"
	WhyIgnored        = ".dockerignore"
)

// kind of entry that a pattern of the table means.
type kindOf int

const (
	anyEntry kindOf = iota
	onlyDir
	onlyFile
	topFile // a file of the service's own directory, not of one below
)

// needlessRow is a reason, and the names of entries that have it. Names are
// patterns of path.Match, compared without regard to case.
type needlessRow struct {
	why   string
	kind  kindOf
	names []string
}

// needless lists what no running service needs. Only what is surely needless is
// in it: a missing file costs more than some kilobytes too many. Directories that
// hold data as often as anything else (docs, data, examples, spec, bench) are not.
func needless() []needlessRow {
	return []needlessRow{
		{WhyVersionControl, anyEntry, []string{".git", ".gitignore", ".gitattributes", ".gitmodules", ".gitkeep", ".keep", ".hg", ".hgignore", ".svn", ".jj", ".mailmap", ".git-blame-ignore-revs"}},
		{WhyEditor, anyEntry, []string{".idea", ".vscode", ".vs", ".fleet", ".zed", ".devcontainer", ".editorconfig", "*.swp", "*~", ".DS_Store", "Thumbs.db", "*.iml", "*.code-workspace"}},
		{WhyCI, onlyDir, []string{".github", ".gitlab", ".circleci", ".buildkite", ".woodpecker", ".husky", ".changeset"}},
		{WhyCI, topFile, []string{".gitlab-ci.yml", ".travis.yml", "appveyor.yml", ".drone.yml", "azure-pipelines.yml", "bitbucket-pipelines.yml", "jenkinsfile", "codecov.yml", ".codecov.yml", ".pre-commit-config.yaml", "renovate.json*", ".renovaterc*", "cloudbuild.yaml", ".goreleaser.y*ml"}},
		{WhyContainer, topFile, []string{"dockerfile*", "containerfile*", ".dockerignore", "docker-compose*", "compose.y*ml", "compose.*.y*ml", "docker-bake.*", "skaffold.yaml", "slipway.yaml", "slipway.lock", "procfile", "tiltfile", "vagrantfile"}},
		{WhyCache, onlyDir, []string{"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".tox", ".nox", ".hypothesis", "htmlcov", ".nyc_output", ".parcel-cache", ".turbo", ".cache", ".ipynb_checkpoints", ".gradle", ".eggs", "*.egg-info"}},
		{WhyCache, anyEntry, []string{"*.pyc", "*.pyo", "*.tsbuildinfo", ".coverage", ".coverage.*", ".eslintcache", ".stylelintcache", "npm-debug.log*", "yarn-error.log*", "*.log"}},
		{WhyTests, onlyDir, []string{"test", "tests", "__tests__", "__mocks__", "__snapshots__", "__fixtures__", "e2e", "cypress", "playwright", "testdata", "coverage"}},
		{WhyTests, onlyFile, []string{
			"*.test.js", "*.test.ts", "*.test.jsx", "*.test.tsx", "*.test.cjs", "*.test.cts", "*.test.mjs", "*.test.mts",
			"*.spec.js", "*.spec.ts", "*.spec.jsx", "*.spec.tsx", "*.spec.cjs", "*.spec.cts", "*.spec.mjs", "*.spec.mts", "*.e2e-spec.ts", "*_test.go", "test_*.py", "*_test.py", "conftest.py",
			"jest.config.*", "jest.setup.*", "vitest.config.*", "vitest.workspace.*", "playwright.config.*", "cypress.config.*", ".mocharc*", ".nycrc*", "karma.conf.*", "pytest.ini", "tox.ini", "noxfile.py", ".coveragerc",
		}},
		{WhyTools, topFile, []string{
			".eslintrc*", ".eslintignore", "eslint.config.*", ".prettierrc*", ".prettierignore", "prettier.config.*", "biome.json*", ".stylelintrc*", "stylelint.config.*", "commitlint.config.*", ".commitlintrc*", "lint-staged.config.*",
			".lintstagedrc*", "nodemon.json", "tslint.json", ".flake8", ".pylintrc", "mypy.ini", "ruff.toml", ".ruff.toml", ".golangci.y*ml", "clippy.toml", "rustfmt.toml", ".rustfmt.toml", ".nvmrc", ".node-version", ".python-version", ".ruby-version",
			".tool-versions", "mise.toml", ".mise.toml", "makefile", "gnumakefile", "justfile", "taskfile.y*ml", ".npmignore", ".envrc", ".direnv",
		}},
		{WhyPeople, topFile, []string{
			"readme", "readme.*", "readme-*", "readme_*", "changelog*", "changes.md", "history.md", "contributing*", "code_of_conduct*", "security.md", "support.md", "authors*", "maintainers*", "codeowners", "governance*", "license*", "licence*", "copying*", "notice", "notice.*", "todo.md",
		}},
	}
}

// Needless returns why no running service needs an entry of a service's tree,
// such as WhyTests; "" when one may need it. The name is relative to the service's
// directory. What the sources name is needed all the same: the caller decides.
func Needless(name string, dir bool) string {
	if !dir && IsSecret(name) {
		return WhySecret
	}
	table, base := needlessNames(), strings.ToLower(path.Base(name))
	best, why := math.MaxInt, ""
	try := func(n needlessName) {
		if n.row < best && n.kind.fits(name, dir) {
			best, why = n.row, n.why
		}
	}
	for _, n := range table.exact[base] {
		try(n)
	}
	for _, first := range []byte{base[0], anyByte} {
		for _, n := range table.globs[first] {
			if n.glob.matches(base) {
				try(n)
			}
		}
	}
	return why
}

// fits reports an entry that a kind means.
func (k kindOf) fits(name string, dir bool) bool {
	switch k {
	case onlyDir:
		return dir
	case onlyFile:
		return !dir
	case topFile:
		return !dir && !strings.Contains(name, "/")
	}
	return true
}

// needlessName is a name of the table; a row before another one wins.
type needlessName struct {
	row  int
	kind kindOf
	why  string
	glob glob // in lower case
}

// anyByte stands for the first byte of a pattern that begins with a wildcard: it
// is in no UTF-8.
const anyByte = 0xff

// needlessNames is the table by name: a plan asks for each entry of a tree.
var needlessNames = sync.OnceValue(func() (t struct {
	exact map[string][]needlessName
	globs [256][]needlessName // by the first byte of the names, or anyByte
}) {
	t.exact = map[string][]needlessName{}
	for i, row := range needless() {
		for _, p := range row.names {
			n := needlessName{row: i, kind: row.kind, why: row.why, glob: newGlob(strings.ToLower(p))}
			if !n.glob.varies {
				t.exact[n.glob.pattern] = append(t.exact[n.glob.pattern], n)
				continue
			}
			first := byte(anyByte)
			if n.glob.begins != "" {
				first = n.glob.begins[0]
			}
			t.globs[first] = append(t.globs[first], n)
		}
	}
	return t
})

// glob is a pattern of path.Match that is tried for many names.
type glob struct {
	pattern      string
	varies       bool
	star         bool   // it is begins*ends, no more
	begins, ends string // what is literal in it, at both ends
}

func newGlob(pattern string) glob {
	first, last := strings.IndexAny(pattern, "*?["), strings.LastIndexAny(pattern, "*?]")
	if first < 0 {
		return glob{pattern: pattern}
	}
	return glob{pattern, true, pattern[first:last+1] == "*", pattern[:first], pattern[last+1:]}
}

func globs(patterns ...string) []glob {
	all := make([]glob, len(patterns))
	for i, p := range patterns {
		all[i] = newGlob(p)
	}
	return all
}

// matches reports a name that the pattern fits. Most do not, and are told by their
// first or last letters.
func (g glob) matches(name string) bool {
	if !g.varies {
		return name == g.pattern
	}
	if !strings.HasPrefix(name, g.begins) || !strings.HasSuffix(name, g.ends) {
		return false
	}
	if g.star {
		return len(name) >= len(g.begins)+len(g.ends)
	}
	ok, _ := path.Match(g.pattern, name)
	return ok
}

// Supplied are the patterns for a service without a .dockerignore that hold in
// every language. They are few, because each is tried for each file, and only for
// what must not reach a build: secrets at any depth, what changes without need,
// and what is large. The rest of what is needless is simply not copied.
func Supplied() []string {
	out := []string{".git", "**/.DS_Store", "**/*.log", ".idea", ".vscode", "Dockerfile*", "docker-compose*", ".dockerignore"}
	names, except := secretFiles()
	for _, name := range names {
		out = append(out, "**/"+name.pattern)
	}
	for _, name := range except {
		out = append(out, "!**/"+name.pattern)
	}
	return out
}

// LeaveOut notes that production does not hold paths of the build context.
func (s *Service) LeaveOut(why string, paths ...string) {
	for _, p := range paths {
		s.leftOut = append(s.leftOut, plan.LeftOut{Path: p, Why: why})
	}
}

// Excluded reports a path, relative to the service's directory, that exclude: of
// slipway.yaml keeps out of production; patterns are those of a .dockerignore.
func (s *Service) Excluded(name string) bool {
	if len(s.Want.Exclude) == 0 {
		return false
	}
	ok, err := patternmatcher.MatchesOrParentMatches(name, s.Want.Exclude)
	return err == nil && ok
}

// Wanted reports a path, relative to the service's directory, that files: of
// slipway.yaml names: it, a directory above it, or something below it.
func (s *Service) Wanted(name string) bool {
	for _, f := range s.Want.Files {
		if f.From != "" {
			continue
		}
		if strings.HasPrefix(f.Path, name+"/") {
			return true
		}
		if ok, err := patternmatcher.MatchesOrParentMatches(name, []string{f.Path}); err == nil && ok {
			return true
		}
	}
	return false
}
