package node

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
)

// adapterDir is where the builder has the adapter that it adds.
const adapterDir = "/opt/slipway/adapter"

const svelteKit = "@sveltejs/kit"

// kitAdapters are the adapters of SvelteKit that build for a host of their own, or
// ask which host it is. Each exports a function that takes options.
var kitAdapters = pattern.Lazy(`@sveltejs/adapter-(?:auto|vercel|netlify|cloudflare|cloudflare-workers)\b`)

// adapterPins are versions of adapter-node by the major of SvelteKit, read from the
// npm registry on 2026-11-29.
func adapterPins() map[int]string { return map[int]string{1: "1.3.1", 2: "5.5.7"} }

// svelteAdapter gives SvelteKit an adapter that builds a server for containers where
// it has none: adapter-auto makes one for hosts that it recognises, and no other.
func (s *service) svelteAdapter() {
	if s.pkg.Dependencies[svelteKit] == "" && s.pkg.DevDeps[svelteKit] == "" {
		return
	}
	deps, line := "dependencies", s.pkg.line("dependencies", svelteKit)
	if line == 0 {
		deps, line = "devDependencies", s.pkg.line("devDependencies", svelteKit)
	}
	all := union(s.pkg.Dependencies, s.pkg.DevDeps)
	if all["@sveltejs/adapter-static"] != "" || s.pkg.Scripts["start"] != "" || len(s.Want.Command) > 0 || s.pkg.Scripts[s.building] == "" {
		return
	}
	const hint = "npm install --save-dev @sveltejs/adapter-node, and import it in svelte.config.js"
	name, data := s.configFile([]string{"svelte.config"})
	used := kitAdapters().Find(data)
	major := 2
	if strings.HasPrefix(strings.TrimLeft(all[svelteKit], "^~>=v "), "1.") {
		major = 1
	}
	if used == nil {
		s.Report(diag.Error, codeFramework, "package.json", line, hint, "SvelteKit has no adapter that builds a server for containers")
		s.framework.name = "SvelteKit"
		return
	}
	s.framework = framework{name: "SvelteKit", out: "build", start: []string{"node", "build/index.js"}, port: "3000", env: map[string]string{"HOST": "0.0.0.0"}}
	s.Fact("framework", s.framework.name, deps[:len(deps)-len("ies")]+"y "+svelteKit, "package.json", line)
	version := adapterPins()[major]
	s.adapter = []string{
		"npm install --prefix " + adapterDir + " --no-save --no-package-lock --legacy-peer-deps @sveltejs/adapter-node@" + version,
		"mkdir -p node_modules/@sveltejs",
		"ln -sfn " + adapterDir + "/node_modules/@sveltejs/adapter-node node_modules/@sveltejs/adapter-node",
		"sed -i 's#" + regexp.QuoteMeta(string(used)) + "#@sveltejs/adapter-node#g' " + name,
	}
	s.Unwise(codeAdapter, name, 0, hint, "%s builds no server for containers; Slipway adds @sveltejs/adapter-node %s to the build", fmt.Sprintf("%s of %s", used, name), version)
}
