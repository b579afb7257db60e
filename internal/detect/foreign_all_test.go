package detect

import (
	"strings"
	"testing"

	"github.com/moby/patternmatcher"

	"github.com/slipway-build/slipway/internal/plan"
)

// copied are the paths that the stages of a plan copy from the context.
func copied(p plan.Service) string {
	var out []string
	for _, st := range p.Stages {
		for _, step := range st.Steps {
			if step.Op == plan.OpCopy && step.From == "" && step.Content == "" {
				out = append(out, step.Args[:len(step.Args)-1]...)
			}
		}
	}
	return strings.Join(out, " ")
}

// TestIgnoreFilesOfOthers: in every language, a .dockerignore that was written for
// another Dockerfile, or as a list of what is allowed, keeps nothing from the plan.
func TestIgnoreFilesOfOthers(t *testing.T) {
	languages := map[string]map[string]string{
		"go":     {"go.mod": "module example.com/shop\n\ngo 1.26\n", "cmd/shop/main.go": "package main\n\nimport \"example.com/shop/internal/web\"\n\nfunc main() { web.Run() }\n", "internal/web/web.go": "package web\n\nimport \"net/http\"\n\nfunc Run() { http.ListenAndServe(\":8080\", nil) }\n"},
		"rust":   {"Cargo.toml": "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2021\"\n", "Cargo.lock": "version = 4\n\n[[package]]\nname = \"shop\"\nversion = \"0.1.0\"\n", "src/main.rs": "mod web;\nfn main() { web::run() }", "src/web/mod.rs": "pub fn run() { std::net::TcpListener::bind(\"0.0.0.0:8080\").unwrap(); }"},
		"java":   {"pom.xml": "<project><groupId>x</groupId><artifactId>shop</artifactId><version>1</version><build><plugins><plugin><artifactId>quarkus-maven-plugin</artifactId></plugin></plugins></build></project>", "src/main/java/Main.java": "class Main {}", "src/main/resources/application.properties": "quarkus.http.port=8080\n"},
		"gradle": {"build.gradle": "plugins { id 'java'\n id 'org.springframework.boot' version '3.4.0' }\n", "settings.gradle": "rootProject.name = 'shop'\n", "gradlew": "#!/bin/sh\n", "gradle/wrapper/gradle-wrapper.jar": "x", "gradle/wrapper/gradle-wrapper.properties": "distributionUrl=https\\://services.gradle.org/distributions/gradle-8.14-bin.zip\n", "src/main/java/shop/Main.java": "package shop;\n@SpringBootApplication\nclass Main { public static void main(String[] a) { SpringApplication.run(Main.class, a); } }"},
		"node":   {"package.json": `{"name": "shop", "scripts": {"start": "node src/server.js"}, "dependencies": {}}`, "package-lock.json": `{"name": "shop", "lockfileVersion": 3, "packages": {"": {"name": "shop"}}}`, "src/server.js": "require('./routes'); require('http').createServer().listen(8080)", "src/routes/index.js": ""},
		"python": {"requirements.txt": "flask==3.1.0\ngunicorn==23.0.0\n", "app/__init__.py": "from flask import Flask\napp = Flask(__name__)\n", "app/views/__init__.py": "", "wsgi.py": "from app import app\n"},
		"static": {"index.html": "<html></html>", "css/site.css": "", "js/deep/a.js": ""},
	}
	for language, files := range languages {
		for name, ignore := range map[string]string{
			"none":                   "",
			"a finished build only":  "*\n!target/*-runner\n!build/libs/*.jar\n!dist\n",
			"two stars":              "**\n!bin/app\n",
			"with a slash":           "/*\n!/out\n",
			"directories of sources": "src\ncmd\ninternal\napp\ncss\n",
			"manifests":              "*.json\n*.toml\n*.lock\n*.mod\n*.xml\n*.gradle\nrequirements.txt\nindex.html\n",
			"allow-list, deep":       "*\n!**/*.go\n!go.*\n!**/*.rs\n!Cargo.*\n!**/*.java\n!pom.xml\n!*.gradle\n!src/main/resources/**\n!package*.json\n!src/**\n!**/*.py\n!requirements.txt\n!index.html\n!css/**\n!js/deep/*.js\n",
			"allow-list, forgetful":  "*\n!src\n!app\n!cmd\n!internal\n",
			"sources by pattern":     "**/*.go\n**/*.rs\n**/*.java\n**/*.py\n**/*.js\n**/*.html\n",
		} {
			all := map[string]string{".dockerignore": ignore}
			for n, text := range files {
				all[n] = text
			}
			plans, findings := Plan(repo(all), nil)
			if err := findings.Errors(); err != nil || len(plans) != 1 {
				t.Errorf("%s, %s: %d plans, %v", language, name, len(plans), findings)
				continue
			}
			want := one(t, files)
			matcher, err := patternmatcher.New(plans[0].DockerIgnore)
			if err != nil {
				t.Fatal(err)
			}
			for n := range files {
				if out, err := matcher.MatchesOrParentMatches(n); (out || err != nil) && language != "static" {
					t.Errorf("%s, %s: the build lacks %s: %q", language, name, n, plans[0].DockerIgnore)
				}
			}
			if got := copied(plans[0]); got != copied(want) {
				t.Errorf("%s, %s: copies %s, want %s", language, name, got, copied(want))
			}
		}
	}
}
