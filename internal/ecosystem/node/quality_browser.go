package node

import (
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// playwrights are the packages of Playwright, and drivers all that drive a browser.
func playwrights() []string { return []string{"@playwright/test", "playwright", "playwright-core"} }

func drivers() []string { return append(playwrights(), "puppeteer", "puppeteer-core") }

// browserTests gives end-to-end tests that drive Debian's Chromium a stage that has it.
// Cypress downloads a browser itself, which needs what a screen is made of.
func (s *service) browserTests(bases []plan.Base, proof *ecosystem.Proof) {
	drives, cypress := slices.ContainsFunc(drivers(), s.hasTool), s.hasTool("cypress")
	if !drives && !cypress || len(proof.Checks[plan.StageE2E]) == 0 {
		return
	}
	if cypress {
		s.installCypress(proof)
	}
	at := slices.IndexFunc(bases, func(b plan.Base) bool { return b.Role == plan.RoleToolchain && b.Assembled && b.Ecosystem == "node" })
	if at < 0 {
		return // other bases bring the browser, or the tests say what is missing
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

// installCypress downloads Cypress's program before the tests, once for all of them.
func (s *service) installCypress(proof *ecosystem.Proof) {
	const failed = "end-to-end tests not run: Cypress cannot download its program. Use --build-arg " + cypressBinary + "=ADDRESS of its zip file, or write quality: {e2e-tests: off} in slipway.yaml"
	checks := proof.Checks[plan.StageE2E]
	checks[0].Args = append(checks[0].Args, cypressBinary)
	checks[0].Mounts = append(checks[0].Mounts, plan.Mount{Type: "cache", Target: "/root/.cache/Cypress", Sharing: "locked"})
	for i := range checks {
		checks[i].Run = "if " + s.withBin("cypress install > /dev/null 2>&1") + "; then " + checks[i].Run + ";\nelse echo '" + failed + "'; false; fi"
	}
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
