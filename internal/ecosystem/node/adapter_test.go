package node

import (
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// TestAdapters: SvelteKit gets a server where its adapter makes none.
func TestAdapters(t *testing.T) {
	kit := func(version, adapter string) map[string]string {
		deps := `"@sveltejs/kit": "` + version + `", "` + adapter + `": "1"`
		return with(`{"scripts": {"build": "vite build"}, "devDependencies": {`+deps+`}}`, "package-lock.json="+lockOf(`"devDependencies": {`+deps+`}`),
			"svelte.config.js=import adapter from '"+adapter+"';\nexport default { kit: { adapter: adapter() } };\n", "src/app.html")
	}
	for name, c := range map[string]struct {
		files map[string]string
		adds  string // "" for nothing
		codes string
	}{
		"auto":            {kit("^2.5.0", "@sveltejs/adapter-auto"), "5.5.7", codeAdapter + " warning"},
		"of a host":       {kit("2.5.0", "@sveltejs/adapter-vercel"), "5.5.7", codeAdapter + " warning"},
		"of a worker":     {kit("~2.5.0", "@sveltejs/adapter-cloudflare"), "5.5.7", codeAdapter + " warning"},
		"SvelteKit 1":     {kit("^1.27.0", "@sveltejs/adapter-auto"), "1.3.1", codeAdapter + " warning"},
		"for a server":    {kit("^2.5.0", "@sveltejs/adapter-node"), "", ""},
		"of somebody":     {kit("^2.5.0", "svelte-adapter-deno"), "", codeFramework + " error"},
		"configured none": {with(`{"scripts": {"build": "vite build"}, "devDependencies": {"@sveltejs/kit": "2"}}`, "package-lock.json="+lockOf(`"devDependencies": {"@sveltejs/kit": "2"}`)), "", codeFramework + " error"},
	} {
		p, findings := Ecosystem{}.Plan(tree(c.files), config.Service{Name: "a", Path: "a"}, nil)
		if got := strings.Join(codes(findings), ", "); !strings.HasPrefix(got, c.codes) || c.codes == "" && got != "" {
			t.Errorf("%s: want %q, got %v", name, c.codes, findings)
			continue
		}
		if strings.HasSuffix(c.codes, "error") {
			continue
		}
		got := shell(p, plan.StageBuilder)
		if c.adds != "" && (!strings.Contains(got, "@sveltejs/adapter-node@"+c.adds+" && ") || !strings.Contains(got, "#@sveltejs/adapter-node#g' svelte.config.js && node --run build")) || c.adds == "" && strings.Contains(got, "sed") {
			t.Errorf("%s: the builder runs\n%s", name, got)
		}
		if argv, _ := command(p); strings.Join(argv, " ") != "node build/index.js" || p.Port != 3000 {
			t.Errorf("%s: starts %v on %d", name, argv, p.Port)
		}
	}
}
