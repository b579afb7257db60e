package rust

import (
	"bytes"
	"path"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
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

// pinned is what rust-toolchain.toml or rust-toolchain say, of the package's
// directory or one above it.
func (s *service) pinned() (channel, file string, line int) {
	for dir := s.crate.dir; ; dir = path.Dir(dir) {
		for _, name := range []string{"rust-toolchain", "rust-toolchain.toml"} {
			file := path.Join(dir, name)
			data, err := ecosystem.Read(s.Dir, file)
			if err != nil {
				continue
			}
			if text := strings.TrimSpace(string(data)); name == "rust-toolchain" && !strings.ContainsAny(text, "=[\n") {
				return text, file, 1
			}
			channel, line, err := parseToolchain(data)
			if err != nil {
				s.Report(diag.Error, codeManifest, file, line, "", "it is not valid: %v", err)
			}
			if channel != "" {
				return channel, file, line
			}
		}
		if dir == "." || dir == "/" {
			return "", "", 0
		}
	}
}

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

// readVersion decides on the Rust that compiles.
func (s *service) readVersion() {
	const what = "runtime"
	choices := "the bases have Rust " + strings.Join(versions(), " and ")
	least := word(s.crate.file.Package.RustVersion, "rust-version", s.rootFile)
	leastLine := s.crate.file.line("rust-version")
	edition := ecosystem.Or(word(s.crate.file.Package.Edition, "edition", s.rootFile), "2015")
	channel, file, line := s.pinned()
	minor, release := minorOf(channel)
	leastMinor, _ := minorOf(least)
	switch {
	case s.Want.Version != "":
		s.writtenVersion(choices)
	case channel == "stable" || channel == "":
		s.version = newest()
		switch n, _ := minorOf(newest()); {
		case s.debian() && leastMinor > n:
			s.tooNew(s.crate.manifestFile(), leastLine, least, choices)
		case channel != "":
			s.Fact(what, "Rust "+s.version, "requires stable", file, line)
		case least != "":
			s.Fact(what, "Rust "+s.version, "requires "+least+" or newer", s.crate.manifestFile(), leastLine)
		default:
			s.Fact(what, "Rust "+s.version, "default: nothing names a version", "", 0)
		}
	case !release:
		s.Report(diag.Error, codeVersion, file, line, "write channel = \""+newest()+"\" when it compiles with that, or version: \""+newest()+"\" for the service in slipway.yaml; `bases:` accepts an image that has it (rust-toolchain: <image>)",
			"it requires %s, and no base has it; %s", channel, choices)
	case !s.debian():
		s.version = "1." + strconv.Itoa(minor)
		s.Fact(what, "Rust "+s.version, "requires "+channel, file, line)
	case enough(minor) == "":
		s.tooNew(file, line, channel, choices)
	default:
		s.version = enough(minor)
		why := "requires " + channel
		if n, _ := minorOf(s.version); n != minor {
			why += ", which it also compiles"
		}
		s.Fact(what, "Rust "+s.version, why, file, line)
	}
	s.Fact("edition", edition, "set in the manifest", s.crate.manifestFile(), s.crate.file.line("edition"))
}

func (s *service) tooNew(file string, line int, text, choices string) {
	s.Report(diag.Error, codeVersion, file, line, "ask for "+newest()+" or older, or write bases: official in slipway.yaml, which uses images from a registry",
		"it requires Rust %s, and no base has a version that new; %s", text, choices)
}

// writtenVersion takes the version of slipway.yaml.
func (s *service) writtenVersion(choices string) {
	minor, ok := minorOf(s.Want.Version)
	s.version = "1." + strconv.Itoa(minor)
	if !ok || s.debian() && enough(minor) != s.version {
		s.ReportWanted(codeVersion, s.crate.manifestFile(), "write version: \""+newest()+"\", or leave it out", "no base has Rust %q; %s", s.Want.Version, choices)
		return
	}
	s.Configured("runtime", "Rust "+s.version)
}

// debian tells whether Slipway assembles the bases.
func (s *service) debian() bool { return s.family == "" || s.family == "debian" }
