package detect

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
)

const (
	webProject = `<Project Sdk="Microsoft.NET.Sdk.Web"/>`
	goMain     = "package main\n\nfunc main() {}\n"
)

// TestUnsupported: a directory that looks like a program and is no service is
// reported, with what makes a service of it.
func TestUnsupported(t *testing.T) {
	const page = "<!doctype html>"
	for name, c := range map[string]struct {
		files map[string]string
		want  []string // place, text, hint of each
	}{
		"C# beside a site": {
			files: map[string]string{"web/index.html": page, "cart/cart.csproj": webProject, "cart/Program.cs": ""},
			want:  []string{"cart/cart.csproj", "cart: C# is not supported", "add a Dockerfile to cart/"},
		},
		"two projects of one solution, and their tests and library": {
			files: map[string]string{"web/index.html": page, "src/a/a.csproj": webProject, "src/b/b.csproj": "<OutputType>Exe</OutputType>",
				"src/c/c.csproj": `<Project Sdk="Microsoft.NET.Sdk"/>`, "src/d/d.csproj": webProject + "<PackageReference Include=\"Microsoft.NET.Test.Sdk\"/>"},
			want: []string{"src/a/a.csproj", "src/a: C# is not supported", "add a Dockerfile to src/a/", "src/b/b.csproj", "src/b: C# is not supported", "add a Dockerfile to src/b/"},
		},
		"Go without go.mod": {
			files: map[string]string{"web/index.html": page, "back/main.go": goMain},
			want:  []string{"back/main.go", "back: this Go program has no go.mod, so it is not a service", "add go.mod or a Dockerfile to back/"},
		},
		"Go below its go.mod": {files: map[string]string{"go.mod": "module a\n\ngo 1.26\n", "cmd/a/main.go": goMain, "tool/x/main.go": goMain}},
		"PHP": {
			files: map[string]string{"web/index.html": page, "shop/composer.json": `{"require": {"php": "^8"}}`, "shop/public/index.php": "<?php"},
			want:  []string{"shop/composer.json", "shop: PHP is not supported", "add a Dockerfile to shop/"},
		},
		"PHP with assets": {
			files: map[string]string{"index.html": page, "composer.json": "{}"},
			want:  []string{"composer.json", "PHP is not supported, only the part that index.html describes", "add a Dockerfile to this directory"},
		},
		"Hugo": {
			files: map[string]string{"api/index.html": page, "blog/hugo.toml": "", "blog/layouts/index.html": page, "blog/themes/x/layouts/index.html": page},
			want:  nil, // a site
		},
		"Hugo of old": {
			files: map[string]string{"api/index.html": page, "blog/config.toml": "baseURL = 'x'\n", "blog/content/a.md": ""},
			want:  nil,
		},
		"Zola": {
			files: map[string]string{"api/index.html": page, "blog/config.toml": "base_url = 'x'\n", "blog/content/a.md": "", "blog/templates/index.html": page},
			want:  []string{"blog/config.toml", "blog: Zola is not supported", "add a Dockerfile to blog/"},
		},
		"Jekyll": {
			files: map[string]string{"index.html": "---\nlayout: default\n---\n", "_config.yml": "title: a\n", "_layouts/default.html": page},
			want:  nil,
		},
		"settings of GitHub's pages": {files: map[string]string{"index.html": page, "_config.yml": "theme: jekyll-theme-cayman\n"}},
		"settings of another kind":   {files: map[string]string{"index.html": page, "config.toml": "[server]\nport = 1\n", "content/a.md": ""}},
		"a library of PHP":           {files: map[string]string{"web/index.html": page, "lib/composer.json": `{"type": "library"}`}},
		"Ruby":                       {files: map[string]string{"web/index.html": page, "api/Gemfile": "", "api/config.ru": "run App"}, want: []string{"api/config.ru", "api: Ruby is not supported", "add a Dockerfile to api/"}},
		"Sinatra":                    {files: map[string]string{"web/index.html": page, "api/Gemfile": "", "api/app.rb": ""}, want: []string{"api/Gemfile", "api: Ruby is not supported", "add a Dockerfile to api/"}},
		"Elixir":                     {files: map[string]string{"web/index.html": page, "bot/mix.exs": "mod: {Bot, []}"}, want: []string{"bot/mix.exs", "bot: Elixir is not supported", "add a Dockerfile to bot/"}},
		"Deno":                       {files: map[string]string{"web/index.html": page, "fn/deno.json": `{"tasks": {"start": "deno run main.ts"}}`, "fn/main.ts": ""}},
		"Deno beside npm":            {files: map[string]string{"api/package.json": `{"scripts": {"start": "node a.js"}}`, "api/deno.json": `{"tasks": {}}`}},
		"Node.js of pnpm alone": {
			files: map[string]string{"web/index.html": page, "api/package.json5": "{name: 'api'}", "api/src/a.ts": ""},
			want:  []string{"api/package.json5", "api: this Node.js program has no package.json, so it is not a service", "add package.json or a Dockerfile to api/"},
		},
		"Node.js without package.json": {
			files: map[string]string{"web/index.html": page, "api/server.js": `const http = require("node:http")`},
			want:  []string{"api/server.js", "api: this Node.js program has no package.json, so it is not a service", "add package.json or a Dockerfile to api/"},
		},
		"Python without requirements": {
			files: map[string]string{"web/index.html": page, "api/app.py": "from flask import Flask\n"},
			want:  []string{"api/app.py", "api: this Python program has no requirements.txt, so it is not a service", "add requirements.txt or a Dockerfile to api/"},
		},
		"scripts":                        {files: map[string]string{"web/index.html": page, "scripts/main.go": goMain, "api/tests/x.csproj": webProject}},
		"a Dockerfile":                   {files: map[string]string{"cart/cart.csproj": webProject, "cart/Dockerfile": "FROM scratch\n"}},
		"a Dockerfile below the project": {files: map[string]string{"cart/cart.csproj": webProject, "cart/src/Dockerfile": "FROM scratch\n"}},
	} {
		services, findings := walk(open(repo(c.files)), maxDirs)
		var got []string
		for _, f := range findings {
			if f.Code == codeUnsupported {
				got = append(got, f.Place.String(), f.Text, f.Hint)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if len(services) == 0 {
			t.Errorf("%s: the supported service got lost", name)
		}
	}
}

// TestOnlyUnsupported: without any service, both are told.
func TestOnlyUnsupported(t *testing.T) {
	services, findings := walk(open(repo(map[string]string{"cart/cart.csproj": webProject})), maxDirs)
	if len(services) > 0 || len(findings) != 2 || findings[0].Code != codeNothing || findings[1].Code != codeUnsupported {
		t.Errorf("%v, %v", services, findings)
	}
}

// TestNamedServicesOnly: a slipway.yaml has decided what the services are.
func TestNamedServicesOnly(t *testing.T) {
	fleet := &config.Fleet{Services: []config.Service{{Name: "web", Path: "web"}}, User: config.DefaultUser()}
	_, findings := Plan(repo(map[string]string{"web/index.html": "<!doctype html>", "cart/cart.csproj": webProject}), fleet)
	if len(findings) > 0 {
		t.Errorf("%v", findings)
	}
}
