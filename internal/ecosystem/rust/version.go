package rust

import (
	"bytes"
	"path"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// versions are the Rusts that the Debian release has, oldest first: its own, and
// the one that it builds browsers with, which is kept current.
func versions() []string { return []string{"1.85", "1.96"} }

func newest() string { return versions()[len(versions())-1] }

// minorOf is 85 of "1.85" or "1.85.1"; false for what is no release.
func minorOf(text string) (int, bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), "1.")
	if !ok {
		return 0, false
	}
	minor, patch, _ := strings.Cut(rest, ".")
	if _, err := strconv.Atoi(patch); patch != "" && err != nil {
		return 0, false
	}
	n, err := strconv.Atoi(minor)
	return n, err == nil && n >= 0 && n < 1000
}

// newestMinor is that of the newest version of the bases.
func newestMinor() int {
	n, _ := minorOf(newest())
	return n
}

// enough returns the oldest version of the bases that is not older than a minor.
// Rust compiles what older Rusts do (blog.rust-lang.org/2014/10/30/Stability).
func enough(minor int) string {
	for _, v := range versions() {
		if n, _ := minorOf(v); n >= minor {
			return v
		}
	}
	return ""
}

// request is a statement about the Rust that compiles.
type request struct {
	text, file string
	line       int
}

// hostTriple is what a channel may end with (rust-lang.github.io/rustup/concepts/toolchains.html).
var hostTriple = pattern.Lazy(`-(?:x86_64|aarch64|i686|armv7|arm)-[\w-]+$`)

// channel is the part of a statement that names a release: "stable" of
// "stable-x86_64-unknown-linux-gnu".
func (r request) channel() string { return hostTriple().ReplaceAllString(r.text, "") }

// pinned is what rust-toolchain.toml or rust-toolchain say, of the package's
// directory or one above it; else what mise and asdf are told.
func (s *service) pinned() request {
	readers := []func(dir string) request{s.toolchainFile, s.managed}
	for _, read := range readers {
		for dir := s.crate.dir; ; dir = path.Dir(dir) {
			if r := read(dir); r.text != "" {
				return r
			}
			if dir == "." || dir == "/" {
				break
			}
		}
	}
	return request{}
}

// toolchainFile is what a directory tells rustup.
func (s *service) toolchainFile(dir string) request {
	for _, name := range []string{"rust-toolchain", "rust-toolchain.toml"} {
		file := path.Join(dir, name)
		data, err := ecosystem.Read(s.Dir, file)
		if err != nil {
			continue
		}
		if text := strings.TrimSpace(string(data)); name == "rust-toolchain" && !strings.ContainsAny(text, "=[\n") {
			return request{text, file, 1}
		}
		channel, line, err := parseToolchain(data)
		if err != nil {
			s.Report(diag.Error, codeManifest, file, line, "", "it is not valid: %v", err)
		}
		if channel != "" {
			return request{channel, file, line}
		}
	}
	return request{}
}

// managed is what a directory tells version managers.
func (s *service) managed(dir string) request {
	for _, name := range []string{"mise.toml", ".mise.toml", ecosystem.ToolVersions} {
		re := miseVersion()
		if name == ecosystem.ToolVersions {
			re = toolVersion()
		}
		data, err := ecosystem.Read(s.Dir, path.Join(dir, name))
		if err != nil {
			continue
		}
		if h := ecosystem.Find(re, path.Join(dir, name), data); h.Found() {
			return request{strings.Replace(h.Text, "latest", "stable", 1), h.File, h.Line}
		}
	}
	return request{}
}

var (
	toolVersion = pattern.Lazy(`(?m)^\s*rust\s+(\S+)`)
	miseVersion = pattern.Lazy(`(?m)^\s*rust\s*=\s*(?:\{\s*version\s*=\s*)?"([^"]+)"`)
)

// parseToolchain returns the channel of a rust-toolchain.toml.
func parseToolchain(data []byte) (channel string, line int, err error) {
	var f struct {
		Toolchain struct {
			Channel string `toml:"channel"`
		} `toml:"toolchain"`
	}
	if err := toml.NewDecoder(bytes.NewReader(data)).Decode(&f); err != nil {
		return "", errorLine(err), err
	}
	return f.Toolchain.Channel, keyLine(data, "channel"), nil
}

// least returns the oldest Rust that the program's packages let compile them,
// which cargo holds to.
func (s *service) least() (minor int, at request) {
	for _, c := range append([]*crate{s.crate}, s.crates...) {
		text := word(c.file.Package.RustVersion, "rust-version", s.rootOf(c))
		if n, ok := minorOf(text); ok && c.needed && n > minor {
			minor, at = n, request{text, c.manifestFile(), c.file.line("rust-version")}
		}
	}
	if at.file != "" && at.line == 0 { // the workspace has it
		at.file, at.line = path.Join(s.top, "Cargo.toml"), s.rootFile.line("rust-version")
	}
	return minor, at
}

// readVersion decides on the Rust that compiles: the version of slipway.yaml, else
// of a file, else the newest.
func (s *service) readVersion() {
	minor, least := s.least()
	want := s.request
	if s.Want.Version != "" {
		want = request{text: s.Want.Version}
	}
	edition := ecosystem.Or(word(s.crate.file.Package.Edition, "edition", s.rootFile), "2015")
	switch {
	case s.debian() && minor > newestMinor():
		s.refuse(least, "ask for "+newest()+" or older, or write bases: official in slipway.yaml, which uses images from a registry",
			"it requires Rust %s, and no base has a version that new", least.text)
	case want.text == "" && least.text == "":
		s.version = newest()
		s.Fact("runtime", "Rust "+s.version, "default: nothing names a version", "", 0)
	case want.text == "":
		s.version = newest()
		s.Fact("runtime", "Rust "+s.version, "requires "+least.text+" or newer", least.file, least.line)
	default:
		s.requested(want, minor, least)
	}
	s.Fact("edition", edition, "set in the manifest", s.crate.manifestFile(), s.crate.file.line("edition"))
}

// requested takes what a file or slipway.yaml says.
func (s *service) requested(want request, least int, at request) {
	channel, _, _ := strings.Cut(want.channel(), "-") // a date
	minor, release := minorOf(want.channel())
	switch {
	case channel == "stable":
		s.version = newest()
	case channel == "beta" || channel == "nightly":
		s.unstable(want)
	case !release:
		s.refuse(want, "write version: \""+newest()+"\" for the service in slipway.yaml, or a release in "+ecosystem.Or(path.Base(want.file), "its place"), "no base has Rust %q", want.text)
	case want.file == "" && minor < least:
		s.refuse(want, "write version: \""+at.text+"\" or newer, or leave it out", "Rust %s is older than the %s that %s requires", want.text, at.text, s.At(at.file))
	case !s.debian():
		s.version = "1." + strconv.Itoa(minor)
	default:
		s.nearest(want, max(minor, least))
	}
	switch {
	case s.version == "":
	case want.file == "":
		s.Configured("runtime", "Rust "+s.version)
	default:
		s.Fact("runtime", "Rust "+s.version, "requires "+want.text, want.file, want.line)
	}
}

// nearest takes the oldest version of the bases that is as new as the requested
// one, else the newest.
func (s *service) nearest(want request, minor int) {
	s.version = enough(minor)
	if s.version == "" {
		s.version = newest()
		s.Unwise(ecosystem.CodeNearest, want.file, want.line, "test with Rust "+s.version+" and write that, or write bases: official in slipway.yaml, which uses images from a registry",
			"no base has a Rust as new as %s; the build uses %s, which lacks what later versions added", want.text, s.version)
		return
	}
	if n, _ := minorOf(s.version); n != minor {
		s.Unwise(ecosystem.CodeNearest, want.file, want.line, "test with Rust "+s.version+" and write that, or leave it out", "there is no base of Rust %s; the build uses %s, which also compiles code for older versions", want.text, s.version)
	}
}

// unstable takes the newest release in place of a pre-release, unless something
// of the program needs features that releases do not have.
func (s *service) unstable(want request) {
	what, file, line := s.feature()
	if what != "" {
		s.refuse(request{want.text, file, line}, "remove "+what+", or write bases: with an image that has the toolchain (rust-toolchain: <image>) in slipway.yaml", "%s works only with the %s that %s requires", what, want.text, s.At(ecosystem.Or(want.file, "slipway.yaml")))
		return
	}
	s.version = newest()
	s.Unwise(ecosystem.CodeNearest, want.file, want.line, "write channel = \""+newest()+"\", or stable", "there is no base of Rust %s; the build uses the release %s, since the sources enable no unstable feature", want.text, newest())
}

var (
	featureGate   = pattern.Lazy(`(?m)^\s*#!\[feature\(\s*(\w+)`)
	cargoFeatures = pattern.Lazy(`(?m)^\s*cargo-features\s*=\s*\[\s*"([\w-]+)`)
	unstableFlag  = pattern.Lazy(`"-Z\s*([\w-]*)`)
)

// feature returns the first use of what only pre-releases of Rust have, in words,
// "" when there is none.
func (s *service) feature() (what, file string, line int) {
	found := func(text string, re ecosystem.Pattern, name string, data []byte) bool {
		h := ecosystem.Find(re, name, data)
		if h.Found() && what == "" {
			what, file, line = text+h.Text, h.File, h.Line
		}
		return h.Found()
	}
	for _, c := range s.crates {
		if !c.needed {
			continue
		}
		found("the cargo feature ", cargoFeatures(), c.manifestFile(), c.file.data)
		for _, name := range append([]string{c.lib, c.buildRS}, c.paths()...) { // crate roots: the attribute works nowhere else
			if data, err := ecosystem.Read(s.Dir, path.Join(c.dir, name)); name != "" && err == nil {
				found("the feature ", featureGate(), path.Join(c.dir, name), codeOnly(data))
			}
		}
	}
	for _, name := range []string{".cargo/config.toml", ".cargo/config"} {
		if data, err := ecosystem.Read(s.Dir, path.Join(s.top, name)); err == nil {
			found("the flag -Z ", unstableFlag(), path.Join(s.top, name), data)
		}
	}
	return what, file, line
}

// refuse reports a Rust that cannot be had.
func (s *service) refuse(at request, hint, format string, args ...any) {
	format += "; the bases have Rust " + strings.Join(versions(), " and ")
	if at.file == "" {
		s.ReportWanted(codeVersion, s.crate.manifestFile(), hint, format, args...)
		return
	}
	s.Report(diag.Error, codeVersion, at.file, at.line, hint, format, args...)
}

// debian tells whether Slipway assembles the bases.
func (s *service) debian() bool { return s.family == "" || s.family == "debian" }
