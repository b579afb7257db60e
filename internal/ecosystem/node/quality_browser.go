package node

import (
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// browserTests gives end-to-end tests that drive Debian's Chromium a stage that has it.
// Cypress brings a browser of its own, which no package registry has.
func (s *service) browserTests(bases []plan.Base, proof *ecosystem.Proof) {
	drives := slices.ContainsFunc([]string{"@playwright/test", "playwright", "playwright-core", "puppeteer", "puppeteer-core"}, s.hasTool)
	if !drives || len(proof.Checks[plan.StageE2E]) == 0 {
		return
	}
	at := slices.IndexFunc(bases, func(b plan.Base) bool { return b.Role == plan.RoleToolchain && b.Assembled && b.Ecosystem == "node" })
	if at < 0 {
		return // other bases bring the browser, or the tests say what is missing
	}
	base := bases[at]
	plain, packages := plan.PackagesOf(base.Ref)
	base.Ref = plan.WithPackages(plain, append(slices.Clone(packages), "chromium-headless-shell", "fonts-dejavu-core"))
	dir := s.workDir()
	st := plan.Stage{
		Name: plan.StageTestBrowser, From: base.Ref,
		Comment: "The same sources beside a browser, for end-to-end tests.",
		Steps: []plan.Step{
			{Op: plan.OpWorkdir, Args: []string{dir}},
			{Op: plan.OpEnv, Args: append(append(s.manager.environment(), s.installEnv...),
				"CI=true", "CHROME_PATH="+chromium, "CHROME_BIN="+chromium, "PUPPETEER_EXECUTABLE_PATH="+chromium,
				"PLAYWRIGHT_BROWSERS_PATH="+browsersDir, "PLAYWRIGHT_JUNIT_OUTPUT_FILE="+plan.ReportsOf(plan.StageE2E)+"/junit.xml")},
		},
	}
	from, sources := plan.StageTestSources, []plan.Step(nil)
	if copied, ok := onlyCopied(proof.Sources); ok { // a changed source does not move all packages again
		from, sources = proof.Sources.From, copied
	}
	st.Steps = append(st.Steps, plan.Step{Op: plan.OpCopy, From: from, Args: []string{dir + "/", dir + "/"}})
	if slices.ContainsFunc([]string{"@playwright/test", "playwright", "playwright-core"}, s.hasTool) {
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
