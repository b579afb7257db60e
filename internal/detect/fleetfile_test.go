package detect_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/detect"
)

// TestSharedPortsAreLeftToDetection: services that listen on the same port, as
// every second one does on 3000, make a slipway.yaml that can be read.
func TestSharedPortsAreLeftToDetection(t *testing.T) {
	tree := repo("a", "b", "c")
	listen := func(dir, port string) {
		tree[dir+"/server.js"] = &fstest.MapFile{Data: []byte("require('http').createServer().listen(" + port + ")")}
	}
	listen("a", "3000")
	listen("b", "3000")
	listen("c", "4000")
	found, findings := detect.Survey(tree, nil)
	if findings.Errors() != nil {
		t.Fatal(findings)
	}
	written := func(file []byte) map[string]int {
		t.Helper()
		fleet, findings := config.Parse(config.FileName, file)
		if findings.Errors() != nil {
			t.Fatalf("%v\n%s", findings, file)
		}
		ports := map[string]int{}
		for _, s := range fleet.Services {
			ports[s.Name] = s.Port
		}
		return ports
	}
	if diff := cmp.Diff(map[string]int{"a": 0, "b": 0, "c": 4000}, written(detect.FleetFile("f", found, nil))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	one := detect.FleetFile("f", found[:1], nil)
	if diff := cmp.Diff(map[string]int{"a": 3000, "b": 0, "c": 4000}, written(detect.Extend(one, found[1:]).Apply(one))); diff != "" {
		t.Errorf("extended (-want +got):\n%s", diff)
	}
}

// TestProgramsThatAreNoServices: slipway.yaml names the programs that Slipway does
// not plan, once, and as comments that break nothing.
func TestProgramsThatAreNoServices(t *testing.T) {
	tree := repo("web")
	for name, text := range map[string]string{
		"cart/cart.csproj":     `<Project Sdk="Microsoft.NET.Sdk.Web"/>`,
		"a: b\n- c/index.php":  "<?php",
		"back/cmd/api/main.go": "package main\n\nfunc main() {}\n",
	} {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	found, search := detect.Survey(tree, nil)
	file := detect.FleetFile("f", found, search)
	fleet, findings := config.Parse(config.FileName, file)
	if findings.Errors() != nil || len(fleet.Services) != 1 {
		t.Fatalf("%v\n%s", findings, file)
	}
	_, comments, _ := strings.Cut(string(file), "# Not services:\n")
	want := "#   a: b - c: PHP is not supported (a: b - c/index.php): add a Dockerfile to a: b - c/\n" +
		"#   back/cmd/api: this Go program has no go.mod, so it is not a service (back/cmd/api/main.go): add go.mod or a Dockerfile to back/cmd/api/\n" +
		"#   cart: C# is not supported (cart/cart.csproj): add a Dockerfile to cart/\n"
	if diff := cmp.Diff(want, comments); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again := detect.Unlisted(file, fleet, search); len(again) > 0 {
		t.Errorf("they are named again: %v", again)
	}
	for text, want := range map[string]int{
		"version: 1\nfleet: f\nservices:\n  web: {}\n":                                                               3,
		"version: 1\nfleet: f\nservices:\n  web: {}\n  cart: {}\n":                                                   2, // listed, however it is built
		"version: 1\nfleet: f\nservices:\n  web: {}\n  api: {path: back/cmd/api}\n":                                  2,
		"version: 1\nfleet: f\nservices:\n  web: {}\n  x: {path: cart/src}\n":                                        2, // a Dockerfile below the project builds it
		"version: 1\nfleet: f\nservices:\n  web: {}\n# cart/cart.csproj: not ours\n# back/cmd/api/main.go: a tool\n": 1,
		"version: 1\nfleet: f\nservices:\n  web: {}\n  car: {}\n":                                                    3,
	} {
		fleet, _ := config.Parse(config.FileName, []byte(text))
		if got := detect.Unlisted([]byte(text), fleet, search); len(got) != want {
			t.Errorf("%d, want %d: %v\n%s", len(got), want, got, text)
		}
	}
	if quiet := detect.FleetFile("f", found, nil); strings.Contains(string(quiet), "Not services") {
		t.Errorf("nothing is left out:\n%s", quiet)
	}
}

// TestServicesOfOneDirectory: applications of one package.json are written with the
// commands that tell them apart, and detected again from what was written.
func TestServicesOfOneDirectory(t *testing.T) {
	tree := repo("web")
	for name, text := range map[string]string{
		"shop/package.json":         `{"name": "shop", "scripts": {"build": "nest build"}}`,
		"shop/package-lock.json":    `{"lockfileVersion": 3, "packages": {"": {}}}`,
		"shop/nest-cli.json":        `{"projects": {"api": {"root": "apps/api"}, "web": {"root": "apps/web"}}}`,
		"shop/apps/api/src/main.ts": "NestFactory.create(A); app.listen(3000)",
		"shop/apps/web/src/main.ts": "NestFactory.create(A); app.listen(3001)",
	} {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	found, findings := detect.Survey(tree, nil)
	if findings.Errors() != nil {
		t.Fatal(findings)
	}
	fleet, findings := config.Parse(config.FileName, detect.FleetFile("f", found, nil))
	if findings.Errors() != nil {
		t.Fatal(findings)
	}
	var got []string
	for _, s := range fleet.Services {
		got = append(got, fmt.Sprintf("%s at %s on %d: %s", s.Name, s.Path, s.Port, strings.Join(s.Command, " ")))
	}
	want := []string{"api at shop on 3000: node dist/apps/api/main.js", "shop-web at shop on 3001: node dist/apps/web/main.js", "web at web on 0: "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	plans, findings := detect.Plan(tree, fleet)
	if findings.Errors() != nil || len(plans) != 3 {
		t.Errorf("%d plans, %v", len(plans), findings)
	}
	for _, f := range found {
		if key := f.Key(); (len(key.Command) > 0) != f.Program || key.Name != f.Service.Name {
			t.Errorf("%s: %+v", f.Service.Name, key)
		}
	}
}
