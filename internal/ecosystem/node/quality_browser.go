package node

import (
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// playwrights are the packages of Playwright, and drivers all that drive a browser.
func playwrights() []string { return []string{"@playwright/test", "playwright", "playwright-core"} }

func drivers() []string { return append(playwrights(), "puppeteer", "puppeteer-core") }

// browserTests gives end-to-end tests that drive Debian's Chromium a stage that has it.
// Cypress downloads a browser itself, which needs what a screen is made of.
func (s *service) browserTests(bases []plan.Base, proof *ecosystem.Proof) {
	drives := slices.ContainsFunc(drivers(), s.hasTool)
	cypress := s.hasTool("cypress") && slices.ContainsFunc(proof.Checks[plan.StageE2E], func(c ecosystem.Check) bool { return s.runsCypress(c, drives) })
	if !drives && !cypress || len(proof.Checks[plan.StageE2E]) == 0 {
		return
	}
	at := slices.IndexFunc(bases, func(b plan.Base) bool { return b.Role == plan.RoleToolchain && b.Assembled && b.Ecosystem == "node" })
	if at < 0 && s.lacksBrowser(bases, proof) {
		return
	}
	if cypress {
		s.installCypress(proof, drives)
	}
	if at < 0 {
		return // bases of a map bring the browser, or the tests say what is missing
	}
	base := bases[at]
	plain, packages := plan.PackagesOf(base.Ref)
	base.Ref = plan.WithPackages(plain, append(slices.Clone(packages), browserPackages(drives, cypress)...))
	dir := s.workDir()
	st := plan.Stage{
		Name: plan.StageTestBrowser, From: base.Ref,
		Comment: "The same sources beside a browser, for end-to-end tests.",
		Steps: []plan.Step{
			{Op: plan.OpWorkdir, Args: []string{dir}},
			{Op: plan.OpEnv, Args: append(append(s.manager.environment(), slices.DeleteFunc(slices.Clone(s.installEnv), isCypress)...),
				browserEnv(drives)...)},
		},
	}
	from, sources := plan.StageTestSources, []plan.Step(nil)
	if copied, ok := onlyCopied(proof.Sources); ok { // a changed source does not move all packages again
		from, sources = proof.Sources.From, copied
	}
	st.Steps = append(st.Steps, plan.Step{Op: plan.OpCopy, From: from, Args: []string{dir + "/", dir + "/"}})
	if slices.ContainsFunc(playwrights(), s.hasTool) {
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpRun, Shell: "node -e " + ecosystem.Quote(placeBrowser()),
			Comment: "Playwright starts the browsers that it downloads itself; these are links to Debian's, where it looks."})
	}
	st.Steps = append(st.Steps, sources...)
	if s.member != "" {
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpWorkdir, Args: []string{dir + "/" + s.member}})
	}
	proof.Extra, proof.Bases = append(proof.Extra, st), append(proof.Bases, base)
	if proof.From == nil {
		proof.From = map[string]string{}
	}
	proof.From[plan.StageE2E] = plan.StageTestBrowser
}

// onlyCopied are the copies of a stage with sources, where it does nothing else: another
// stage can repeat them.
func onlyCopied(sources plan.Stage) ([]plan.Step, bool) {
	var out []plan.Step
	for _, step := range sources.Steps {
		switch {
		case step.Op == plan.OpCopy && step.From == "":
			out = append(out, step)
		case step.Op != plan.OpEnv:
			return nil, false
		}
	}
	return out, true
}

// browserEnv says where Chromium is, to those that drive it.
func browserEnv(drives bool) []string {
	if !drives {
		return []string{"CI=true"}
	}
	return []string{
		"CI=true", "CHROME_PATH=" + chromium, "CHROME_BIN=" + chromium, "PUPPETEER_EXECUTABLE_PATH=" + chromium,
		"PLAYWRIGHT_BROWSERS_PATH=" + browsersDir, "PLAYWRIGHT_JUNIT_OUTPUT_FILE=" + plan.ReportsOf(plan.StageE2E) + "/junit.xml",
	}
}

// browserPackages are the Debian packages of a browser: Chromium, and those that Cypress
// requires (https://docs.cypress.io/app/get-started/install-cypress#Linux-Prerequisites).
func browserPackages(drives, cypress bool) []string {
	out := []string{"fonts-dejavu-core"}
	if drives {
		out = append([]string{"chromium-headless-shell"}, out...)
	}
	if cypress {
		out = append(out, "libasound2t64", "libgbm1", "libgtk-3-0t64", "libnotify4", "libnss3", "libxss1", "libxtst6", "xauth", "xvfb")
	}
	return out
}

func isCypress(assignment string) bool { return strings.HasPrefix(assignment, "CYPRESS_") }

// cypressBinary is the variable with the address of Cypress's program, for machines that
// cannot download it from its own site. No package registry has it.
const cypressBinary = "CYPRESS_INSTALL_BINARY"

// installCypress downloads Cypress's program before its tests, once for all of them.
func (s *service) installCypress(proof *ecosystem.Proof, drives bool) {
	const failed = "end-to-end tests not run: Cypress cannot download its program. Use --build-arg " + cypressBinary + "=ADDRESS of its zip file, or write quality: {e2e-tests: off} in slipway.yaml"
	const said = "/tmp/cypress-install.txt"
	first := true
	for i, c := range proof.Checks[plan.StageE2E] {
		if !s.runsCypress(c, drives) {
			continue
		}
		check := &proof.Checks[plan.StageE2E][i]
		if first {
			check.Args = append(check.Args, cypressBinary)
			check.Mounts = append(check.Mounts, plan.Mount{Type: "cache", Target: "/root/.cache/Cypress", Sharing: "locked"})
		}
		first = false
		check.Run = "if " + s.withBin("cypress install > "+said+" 2>&1") + "; then " + c.Run + ";\nelse tail -n 20 " + said + "; echo '" + failed + "'; false; fi"
	}
}

// runsCypress reports a check that needs Cypress's program. A script that nobody takes
// apart does where it names Cypress, or nothing else of the service drives a browser.
func (s *service) runsCypress(c ecosystem.Check, drives bool) bool {
	name, script := strings.CutPrefix(c.Tool, "npm run ")
	return c.Tool == tools()["cypress"].title || script && (!drives || strings.Contains(s.unfolded(s.pkg.Scripts[name], 3), "cypress"))
}

var cypressOpen = pattern.Lazy(`\bcypress open\b`)

// opensCypress reports a script that opens the window of Cypress and waits for people,
// itself or by a script that it names. The name of a script may be that of the program.
func (s *service) opensCypress(name string) bool {
	text := s.pkg.Scripts[name]
	called := slices.ContainsFunc(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\"';&|{}", r) }),
		func(w string) bool { return w != "cypress" && cypressOpen().MatchString(s.pkg.Scripts[w]) })
	return called || cypressOpen().MatchString(strings.Join(append(s.flat(name, 4), text), "\n"))
}

// lacksBrowser takes tests off the plan that cannot run on an official image, which has
// no browser and not what Cypress's needs. It reports whether it has.
func (s *service) lacksBrowser(bases []plan.Base, proof *ecosystem.Proof) bool {
	i := slices.IndexFunc(bases, func(b plan.Base) bool { return b.Role == plan.RoleToolchain })
	if images := s.images(); i < 0 || bases[i].Ref != images.Official.Toolchain && bases[i].Ref != images.Alpine.Toolchain {
		return false
	}
	lacks := false
	for j, c := range proof.Checks[plan.StageE2E] {
		if c.Tool == tools()["cypress"].title || c.Tool == tools()["playwright"].title {
			proof.Checks[plan.StageE2E][j].Lacks = bases[i].Ref + " lacks what " + c.Tool + " runs a browser with: write bases: debian in slipway.yaml, or a map with an image that has it"
			lacks = true
		}
	}
	return lacks
}

// browsersDir is where Playwright looks for its browsers.
const browsersDir = "/opt/browsers"

// placeBrowser is a program that links Chromium to the paths of Playwright's browsers,
// whose revision is in browsers.json of the package; directories as of 1.40 to 1.65.
func placeBrowser() string {
	return strings.Join([]string{
		`const fs = require("fs"), path = require("path");`,
		`let at = process.cwd() + "/x";`,
		`for (const name of ["@playwright/test", "playwright", "playwright-core"]) {`,
		`try { at = require("module").createRequire(at).resolve(name + "/package.json") } catch {} }`,
		`for (const { name, revision } of JSON.parse(fs.readFileSync(path.join(path.dirname(at), "browsers.json"))).browsers) {`,
		`const files = { "chromium": ["chrome-linux/chrome", "chrome-linux64/chrome"],`,
		`"chromium-headless-shell": ["chrome-linux/headless_shell", "chrome-headless-shell-linux64/chrome-headless-shell"] }[name] ?? [];`,
		`const root = "` + browsersDir + `/" + name.replaceAll("-", "_") + "-" + revision;`,
		`for (const file of files) { fs.mkdirSync(path.dirname(path.join(root, file)), { recursive: true });`,
		`fs.symlinkSync("` + chromium + `", path.join(root, file)); }`,
		`if (files.length) fs.writeFileSync(path.join(root, "INSTALLATION_COMPLETE"), ""); }`,
	}, "\n")
}

// fetchesBrowser reports a command that downloads a browser or looks for it: the stage has
// one.
func fetchesBrowser(command string) bool {
	words := strings.Fields(command)
	for len(words) > 0 && slices.Contains(wrappers(), words[0]) {
		words = words[1:]
	}
	return len(words) > 1 && slices.Contains([]string{"playwright", "cypress"}, words[0]) && slices.Contains([]string{"install", "install-deps", "verify"}, words[1])
}
