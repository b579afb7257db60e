package node

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// tool is a program that checks, and how it leaves a report without a change to the
// repository.
type tool struct {
	title string
	kind  string                                            // the stage that it is usual in
	drop  []string                                          // words that watch, repair or report elsewhere
	ours  []string                                          // options with a value that add sets: given twice, most tools refuse them
	add   func(s *service, v invocation, dir string) string // words that leave reports in a directory
	again func(s *service, dir string) string               // like add, for a report in place of the text: a failed tool runs again for that, and its word counts
	after func(plain, dir string) string                    // command that prints what a failed tool has only written; plain is the one without add
	kept  string                                            // name of the file that keeps what it prints
	place func(words []string, at int, add string) []string // where the words go; nil: at the end
}

// tools are the programs that Slipway knows, by the word that starts them. Options as
// of the manuals on 2026-11-29.
func tools() map[string]tool {
	return map[string]tool{
		"jest": {title: "Jest", kind: plan.StageUnitTests, drop: []string{"--watch", "--watchAll", "--watch=true", "--watchAll=true", "--json"}, ours: jestOptions(), add: jestReports},
		"react-scripts": {title: "Jest", kind: plan.StageUnitTests, drop: []string{"--watch", "--watchAll", "--watchAll=true", "--json"}, ours: jestOptions(), add: func(s *service, v invocation, dir string) string {
			return "--watchAll=false " + jestReports(s, v, dir)
		}},
		"vitest": {title: "Vitest", kind: plan.StageUnitTests, drop: []string{"watch", "dev", "--watch", "-w", "--ui"}, ours: []string{"--outputFile", "--outputFile.junit", "--coverage.reportsDirectory"}, add: vitestReports},
		"mocha": {title: "Mocha", kind: plan.StageUnitTests, drop: []string{"--watch", "-w"},
			add: func(_ *service, _ invocation, dir string) string {
				return "--reporter xunit --reporter-option output=" + dir + "/junit.xml"
			},
			after: func(_, dir string) string { return "cat " + dir + "/junit.xml" }},
		"node": {title: "node:test", kind: plan.StageUnitTests, drop: []string{"--watch"}, ours: nodeOptions(), add: nodeReports, place: afterTest},
		"tsx":  {title: "node:test", kind: plan.StageUnitTests, drop: []string{"--watch", "watch"}, ours: nodeOptions(), add: nodeReports, place: afterTest},
		"bun": {title: "bun test", kind: plan.StageUnitTests, drop: []string{"--watch"}, ours: []string{"--reporter", "--reporter-outfile", "--coverage-dir"}, add: func(_ *service, _ invocation, dir string) string {
			return "--reporter=junit --reporter-outfile=" + dir + "/junit.xml --coverage --coverage-reporter=lcov --coverage-reporter=text --coverage-dir=" + dir
		}},
		"ava":        {title: "AVA", kind: plan.StageUnitTests, drop: []string{"--watch", "-w"}, add: func(_ *service, _ invocation, dir string) string { return "--tap > " + dir + "/ava.tap" }, after: func(_, dir string) string { return "cat " + dir + "/ava.tap" }},
		"playwright": {title: "Playwright", kind: plan.StageE2E, drop: []string{"--ui", "--headed", "--debug"}, ours: []string{"--reporter"}, add: func(*service, invocation, string) string { return "--reporter=list,junit" }},
		"cypress": {title: "Cypress", kind: plan.StageE2E, drop: []string{"open", "--headed"}, ours: []string{"--reporter", "-r", "--reporter-options", "-o"}, add: func(_ *service, _ invocation, dir string) string {
			return "--reporter junit --reporter-options mochaFile=" + dir + "/junit-[hash].xml"
		}},
		"eslint": {title: "ESLint", kind: plan.StageLint, drop: []string{"--fix", "--cache", "--quiet"}, ours: fileOptions(),
			add: func(_ *service, _ invocation, dir string) string {
				return "--format json --output-file " + dir + "/eslint.json"
			},
			after: func(plain, _ string) string { return plain }},
		"next": {title: "next lint", kind: plan.StageLint, drop: []string{"--fix"}, ours: fileOptions(),
			add: func(_ *service, _ invocation, dir string) string {
				return "--format json --output-file " + dir + "/eslint.json"
			},
			after: func(plain, _ string) string { return plain }},
		"prettier": {title: "Prettier", kind: plan.StageLint, drop: []string{"--write", "-w"}, add: func(*service, invocation, string) string { return "--check" }, kept: "prettier.txt"},
		"biome": {title: "Biome", kind: plan.StageLint, drop: []string{"--write", "--fix", "--apply", "--unsafe"}, ours: []string{"--reporter", "--colors"},
			again: func(_ *service, dir string) string {
				return "--reporter=junit --colors=off > " + dir + "/biome-junit.xml 2> /dev/null"
			}},
		"tsc":          {title: "TypeScript", kind: plan.StageLint, drop: []string{"--watch", "-w"}, kept: "tsc.txt"},
		"vue-tsc":      {title: "TypeScript", kind: plan.StageLint, drop: []string{"--watch", "-w"}, kept: "tsc.txt"},
		"svelte-check": {title: "svelte-check", kind: plan.StageLint, drop: []string{"--watch"}},
		"stylelint":    {title: "Stylelint", kind: plan.StageLint, drop: []string{"--fix"}, ours: []string{"--formatter", "-f", "--custom-formatter", "--output-file", "-o"}, add: func(*service, invocation, string) string { return "--formatter unix" }, kept: "stylelint.txt"},
		"oxlint": {title: "Oxlint", kind: plan.StageLint, drop: []string{"--fix"}, ours: fileOptions(),
			again: func(_ *service, dir string) string { return "--format=checkstyle > " + dir + "/oxlint-checkstyle.xml" }},
		"standard": {title: "standard", kind: plan.StageLint, drop: []string{"--fix"}},
		"xo":       {title: "XO", kind: plan.StageLint, drop: []string{"--fix"}},
		"tslint":   {title: "TSLint", kind: plan.StageLint, drop: []string{"--fix"}},
		"htmlhint": {title: "HTMLHint", kind: plan.StageLint, ours: fileOptions(),
			again: func(_ *service, dir string) string {
				return "--format checkstyle > " + dir + "/htmlhint-checkstyle.xml"
			}},
	}
}

// fileOptions are those of linters that say how and where they report.
func fileOptions() []string { return []string{"--format", "-f", "--output-file", "-o"} }

func nodeOptions() []string { return []string{"--test-reporter", "--test-reporter-destination"} }

func jestOptions() []string {
	return []string{"--outputFile", "--output-file", "--coverageDirectory", "--coverage-directory"}
}

// jestReports measure coverage, which a threshold of the settings is for only where the
// project measures it itself, and all tests at once.
func jestReports(s *service, v invocation, dir string) string {
	out := "--ci --json --outputFile=" + dir + "/jest.json" + "\n--coverage --coverageDirectory=" + dir + "/coverage --coverageReporters=lcovonly --coverageReporters=text-summary"
	if v.part || !v.has("--coverage", "--collectCoverage", "--collect-coverage") && !s.settingsSay("jest", jestMeasures()) {
		out += " --coverageThreshold='{}'"
	}
	return out
}

// Settings of Jest and Vitest with which their plain commands measure coverage.
var (
	jestMeasures   = pattern.Lazy(`\bcollectCoverage\b["']?\s*:\s*true`)
	vitestLimits   = pattern.Lazy(`\bthresholds\b|\bmergeConfig\b|\bextends\b`)
	vitestMeasures = pattern.Lazy(`\bcoverage\b["']?\s*:\s*\{[^}]*\benabled\b["']?\s*:\s*true`)
)

func vitestReports(s *service, v invocation, dir string) string {
	out := "--run --reporter=default --reporter=junit --outputFile.junit=" + dir + "/junit.xml"
	for _, provider := range []string{"@vitest/coverage-v8", "@vitest/coverage-istanbul", "@vitest/coverage-c8"} {
		if !s.hasTool(provider) {
			continue
		}
		out += "\n--coverage.enabled --coverage.reporter=lcovonly --coverage.reporter=text-summary --coverage.reportsDirectory=" + dir + "/coverage"
		if provider != "@vitest/coverage-c8" && s.settingsSay("vitest", vitestLimits()) && (v.part || !v.has("--coverage", "--coverage.enabled") && !s.settingsSay("vitest", vitestMeasures())) {
			out += " --coverage.thresholds.100=false"
			for _, of := range []string{"lines", "functions", "branches", "statements"} {
				out += " --coverage.thresholds." + of + "=0"
			}
		}
		return out
	}
	return out
}

// nodeReports are the reporters of Node.js: JUnit since 20, coverage as LCOV since 22
// (https://nodejs.org/api/test.html#test-reporters).
func nodeReports(s *service, _ invocation, dir string) string {
	if s.node.major < 20 {
		return "--test-reporter=tap --test-reporter-destination=" + dir + "/node.tap --test-reporter=spec --test-reporter-destination=stdout"
	}
	out := "--test-reporter=spec --test-reporter-destination=stdout --test-reporter=junit --test-reporter-destination=" + dir + "/junit.xml"
	if s.node.major >= 22 {
		out += "\n--experimental-test-coverage --test-reporter=lcov --test-reporter-destination=" + dir + "/lcov.info"
	}
	if s.node.major > 22 || s.node.major == 22 && s.node.release == "" {
		out += " --test-coverage-exclude='**/*.test.*' --test-coverage-exclude='**/test/**'"
	}
	return out
}

// afterTest inserts words right after --test: node passes everything after a file name
// to the tests.
func afterTest(words []string, _ int, add string) []string {
	i := slices.Index(words, "--test")
	return slices.Insert(slices.Clone(words), i+1, add)
}

// invocation is a command of a script that calls a known tool.
type invocation struct {
	name  string
	words []string // raw words of the shell
	at    int      // of the tool
	part  bool     // it runs some of the tests, and another command the others
}

// has reports an option of the tool, alone or as true.
func (v invocation) has(options ...string) bool {
	return slices.ContainsFunc(v.words[v.at:], func(w string) bool { return slices.Contains(options, strings.TrimSuffix(w, "=true")) })
}

// withoutOptions are words without options that have a value, in both forms: --o=v and --o v.
// What follows "--" stays.
func withoutOptions(words, options []string) []string {
	var out []string
	for i := 0; i < len(words); i++ {
		option, _, joined := strings.Cut(words[i], "=")
		switch {
		case words[i] == "--":
			return append(out, words[i:]...)
		case !slices.Contains(options, option):
			out = append(out, words[i])
		case !joined && i+1 < len(words) && !strings.HasPrefix(words[i+1], "-"):
			i++
		}
	}
	return out
}

// valued are options of programs in front of a tool whose value is a word of its own.
func valued(program string) []string {
	switch program {
	case "c8", "nyc":
		return []string{
			"--reporter", "-r", "--report-dir", "--reports-dir", "-o", "--temp-directory", "--temp-dir", "-t", "--include", "-n", "--exclude", "-x", "--extension", "-e", "--src", "--config", "-c",
			"--lines", "--branches", "--functions", "--statements", "--require", "-i", "--cwd", "--nycrc-path",
		}
	case "node", "tsx":
		return []string{"-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions", "--env-file", "--max-old-space-size"}
	}
	return nil
}

// wrappers are words that may stand before a tool and leave its options to it.
func wrappers() []string {
	return []string{"cross-env", "cross-env-shell", "npx", "dotenv", "env-cmd", "dotenvx", "run", "c8", "nyc", "--", "yarn", "pnpm", "exec", "bunx", "env", "ng"}
}

// invocationOf finds the tool of one command.
func invocationOf(command string) (invocation, bool) {
	words, ok := shellWords(command)
	if !ok {
		return invocation{}, false
	}
	known := tools()
	program := "" // in front of the tool
	for i, w := range words {
		if i > 0 && slices.Contains(valued(program), words[i-1]) {
			continue
		}
		name := strings.TrimSuffix(strings.TrimSuffix(path.Base(w), ".js"), ".mjs")
		t, is := known[name]
		switch {
		case is && name == "node" && !slices.Contains(words, "--test"):
			// node in front of the file of a tool
		case is && name == "tsx" && !slices.Contains(words, "--test"), is && name == "bun" && (i+1 >= len(words) || words[i+1] != "test"):
			return invocation{}, false
		case is && name == "playwright" && (i+1 >= len(words) || words[i+1] != "test"):
			return invocation{}, false
		case is && name == "next" && (i+1 >= len(words) || words[i+1] != "lint"), is && name == "react-scripts" && (i+1 >= len(words) || words[i+1] != "test"):
			return invocation{}, false
		case is && name == "biome" && (i+1 >= len(words) || !slices.Contains([]string{"check", "ci", "lint", "format"}, words[i+1])):
			return invocation{}, false
		case is && t.title != "":
			return invocation{name: name, words: words, at: i}, true
		}
		if valued(name) != nil {
			program = name
		}
		assigns := strings.Contains(w, "=") && !strings.HasPrefix(w, "=")
		if !assigns && !strings.HasPrefix(w, "-") && !strings.Contains(w, ".env") && !slices.Contains(wrappers(), w) && name != "node" {
			return invocation{}, false
		}
	}
	return invocation{}, false
}

// line is the command with the words that leave reports.
func (v invocation) line(s *service, dir string) string {
	t := tools()[v.name]
	words := slices.Concat(v.words[:v.at], slices.DeleteFunc(slices.Clone(v.words[v.at:]), func(w string) bool { return slices.Contains(t.drop, w) }))
	if v.name == "cypress" && !slices.Contains(words, "run") {
		words = append(words, "run")
	}
	plain := s.withBin(strings.Join(words, " "))
	text := s.withBin(strings.Join(v.measured(v.reporting(s, t, words, dir), dir), " "))
	if t.again != nil {
		return s.withBin(strings.Join(beforeFiles(v.ownedBy(words, t), v.at, t.again(s, dir)), " ")) + "\n|| " + plain
	}
	if t.kept != "" {
		return ecosystem.Kept(text, dir+"/"+t.kept)
	}
	if t.after != nil {
		text += "\n|| { code=$?; " + t.after(plain, dir) + "; ( exit $code ); }"
	}
	if slices.Contains(words[:v.at], "nyc") { // failed tests have covered something, too
		return "code=0; { " + text + "; }\n|| code=$?; " + s.withBin("nyc report --reporter=lcovonly --report-dir="+dir+"/coverage") + "; ( exit $code )"
	}
	return text
}

// measured has c8 report where the other reports are, which it does after failed tests,
// too. What it measures by stays out of the reports.
func (v invocation) measured(words []string, dir string) []string {
	at := slices.Index(words[:v.at], "c8")
	if at < 0 {
		return words
	}
	add := []string{"--reporter=lcovonly", "--reporter=text-summary", "--report-dir=" + dir + "/coverage", "--temp-directory=/tmp/c8"}
	own := withoutOptions(words[at+1:v.at], []string{"--report-dir", "--reports-dir", "-o", "--temp-directory"})
	return slices.Concat(words[:at+1], add, own, words[v.at:])
}

// ownedBy are words without what the tool's own options replace.
func (v invocation) ownedBy(words []string, t tool) []string {
	return slices.Concat(words[:v.at], withoutOptions(words[v.at:], t.ours))
}

// beforeFiles inserts words behind those of the tool, in front of a "--": what follows it
// is no option.
func beforeFiles(words []string, at int, add string) []string {
	if i := slices.Index(words[at:], "--"); i >= 0 {
		return slices.Insert(slices.Clone(words), at+i, add)
	}
	return append(slices.Clone(words), add)
}

// reporting adds the words that leave reports.
func (v invocation) reporting(s *service, t tool, words []string, dir string) []string {
	if t.add == nil {
		return words
	}
	words = v.ownedBy(words, t)
	add := t.add(s, v, dir)
	if v.name == "vitest" && strings.Contains(add, "--coverage.enabled") { // which says the same
		words = slices.DeleteFunc(words, func(w string) bool { return w == "--coverage" || w == "--coverage=true" })
	}
	switch {
	case v.name == "vitest" && slices.Contains(words, "run"):
		add = strings.TrimPrefix(add, "--run ")
	case v.name == "prettier" && slices.ContainsFunc(words, func(w string) bool { return slices.Contains([]string{"--check", "-c", "--list-different", "-l"}, w) }):
		return words
	case t.place != nil:
		return t.place(words, v.at, add)
	}
	return beforeFiles(words, v.at, "\n"+add)
}

// withBin runs a command of a script with the programs of the packages on its path, as
// npm does.
func (s *service) withBin(command string) string {
	bin := path.Join(s.workDir(), "node_modules/.bin")
	if s.member != "" {
		bin = path.Join(s.workDir(), s.member, "node_modules/.bin") + ":" + bin
	}
	return "PATH=" + bin + ":$PATH " + command
}

// printed runs a script whole, and keeps what it prints where that is TAP.
func (s *service) printed(name, stage string) string {
	if stage == plan.StageLint || !slices.ContainsFunc([]string{"tape", "tap", "zora", "brittle"}, s.hasTool) {
		return s.run(name)
	}
	return "{ ( export TAP=1; " + s.run(name) + " ) 2>&1; echo $? > /tmp/code; }\n| tee " + plan.ReportsOf(stage) + "/" + strings.ReplaceAll(name, ":", "-") + ".txt; ( exit $(cat /tmp/code) )"
}

// shellWords splits a command of a script at spaces outside of quotes; false for one
// that is more than words, such as a pipe.
func shellWords(command string) ([]string, bool) {
	var words []string
	word, quote := "", rune(0)
	for _, r := range command {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
			word += string(r)
		case r == '\'' || r == '"':
			quote = r
			word += string(r)
		case r == ' ' || r == '\t':
			if word != "" {
				words, word = append(words, word), ""
			}
		case strings.ContainsRune("|;&<>()`\n#\\", r):
			return nil, false
		default:
			word += string(r)
		}
	}
	if word != "" {
		words = append(words, word)
	}
	return words, quote == 0 && len(words) > 0
}
