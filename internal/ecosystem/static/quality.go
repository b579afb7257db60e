package static

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// The production image, beside a step that looks at it.
const (
	imageDir = "/image"
	srcDir   = "/src"
)

// ConfigCheck lets the nginx of the production image read its configuration, which holds
// the rules of the site's settings. The image has no shell, and may be of any base: it
// is the root directory of its nginx, with room for the files that it makes. Only the
// chroot of coreutils changes the user.
func ConfigCheck(p *plan.Service, file string) ecosystem.Check {
	i := slices.IndexFunc(p.Bases, func(b plan.Base) bool { return b.Role == plan.RoleToolchain })
	if i >= 0 && strings.Contains(p.Bases[i].Ref, "alpine") {
		return ecosystem.Check{Tool: "nginx -t", Lacks: "nginx -t not run: the chroot of " + p.Bases[i].Ref + " cannot change the user: write bases: debian or bases: official in slipway.yaml"}
	}
	report := plan.ReportsOf(plan.StageLint) + "/nginx.txt"
	run := "( chmod 1777 " + imageDir + "/dev " + imageDir + "/tmp && chroot --userspec=" + p.User + " " + imageDir + " /usr/sbin/nginx -t )"
	return ecosystem.Check{
		Tool: "nginx -t", Run: ecosystem.Kept(run, report), Why: "the configuration of the image", File: file,
		Mounts: []plan.Mount{
			{Type: "bind", From: plan.StageProduction, Target: imageDir},
			{Type: "tmpfs", Target: imageDir + "/dev"}, {Type: "tmpfs", Target: imageDir + "/tmp"},
		},
	}
}

// prove adds the quality stages to the plan of a site that is served as it is.
func (s Site) prove(svc *ecosystem.Service, p *plan.Service) {
	if !svc.Want.Prove {
		return
	}
	packages := plan.Stage{
		Name: plan.StageTestPackages, From: plan.StageDependencies, Comment: "The validator of HTML, which only checks need.",
		Steps: []plan.Step{{Op: plan.OpRun, Shell: installHTML(), Mounts: []plan.Mount{{Type: "cache", Target: "/root/.npm"}}}},
	}
	from := s.Dir + "/"
	if s.Dir == "." {
		from = "."
	}
	sources := plan.Stage{
		Name: plan.StageTestSources, From: packages.Name, Comment: "The site as it is written, for the stage below. Production takes nothing from here.",
		Steps: []plan.Step{
			{Op: plan.OpWorkdir, Args: []string{srcDir}},
			{Op: plan.OpCopy, Args: []string{checkFile}, Content: checkScript, Comment: "Looks for files that pages name and the site lacks, and asks esbuild about scripts and style sheets."},
			{Op: plan.OpCopy, Args: []string{htmlFile}, Content: htmlSettings},
			{Op: plan.OpCopy, Args: []string{from, "./"}},
		},
	}
	page := path.Join(s.Dir, "index.html")
	svc.Prove(p, ecosystem.Proof{
		Packages: &packages, Sources: sources,
		Checks:  map[string][]ecosystem.Check{plan.StageLint: {ConfigCheck(p, ""), s.htmlCheck(svc, page), s.linkCheck(page)}},
		Missing: map[string]string{plan.StageUnitTests: "a site of files has no program to test"},
	})
}

// htmlCheck asks html-validate: by the site's settings where it has some.
func (s Site) htmlCheck(svc *ecosystem.Service, page string) ecosystem.Check {
	dir := plan.ReportsOf(plan.StageLint)
	settings, why := " --config "+htmlFile, "an HTML page"
	for _, name := range []string{".htmlvalidate.json", ".htmlvalidate.js", ".htmlvalidate.cjs", ".htmlvalidate.mjs"} {
		if at := path.Join(s.Dir, name); ecosystem.Exists(svc.Dir, at) {
			settings, why, page = "", "its settings", at
		}
	}
	run := htmlDir + "/node_modules/.bin/html-validate" + settings + " --ext html,htm --formatter stylish,checkstyle=" + dir + "/html-checkstyle.xml ."
	return ecosystem.Check{Tool: "html-validate", Run: run, Why: why, File: page}
}

// linkCheck runs the script for what no validator of one file sees.
func (s Site) linkCheck(page string) ecosystem.Check {
	flags := ""
	if len(s.Rules.Redirects) > 0 || s.Rules.Base != "" || s.Fallback != "" {
		flags += " -rules"
	}
	if s.Rules.Hidden {
		flags += " -hidden"
	}
	if s.Rules.Listing {
		flags += " -listing"
	}
	report := plan.ReportsOf(plan.StageLint) + "/site.txt"
	return ecosystem.Check{Tool: "links, scripts and styles", Run: ecosystem.Kept("node "+checkFile+" "+srcDir+flags, report), Why: "an HTML page", File: page}
}
