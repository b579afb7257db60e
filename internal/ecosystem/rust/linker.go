package rust

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// cargoConfig is the part of .cargo/config.toml that matters here.
type cargoConfig struct {
	Build struct {
		Wrapper   string `toml:"rustc-wrapper"`
		Rustflags any    `toml:"rustflags"`
		Target    any    `toml:"target"`
	} `toml:"build"`
	Source map[string]struct {
		Directory string `toml:"directory"`
	} `toml:"source"`
	Target map[string]struct {
		Linker    string `toml:"linker"`
		Rustflags any    `toml:"rustflags"`
	} `toml:"target"`
}

// readConfig looks at .cargo/config.toml, which goes into the build as it is. A
// linker or wrapper that the toolchain lacks is overridden by environment, which
// wins over the file (doc.rust-lang.org/cargo/reference/config.html), unless
// packages: of slipway.yaml brings it.
func (s *service) readConfig() {
	for _, name := range []string{".cargo/config.toml", ".cargo/config"} {
		at := path.Join(s.top, name)
		data, err := ecosystem.Read(s.Dir, at)
		if err != nil {
			continue
		}
		s.conf = at
		var c cargoConfig
		if err := toml.Unmarshal(data, &c); err != nil {
			s.Report(diag.Error, codeManifest, at, errorLine(err), "", "%s is not valid: %v", name, err)
			return
		}
		s.findVendor(c)
		s.overrideTarget(c, at, data)
		if s.debian() {
			s.overrideWrapper(c, at, data)
			s.overrideLinker(c, at, data)
		}
		return
	}
}

// findVendor finds the directory that replaces the registry: the one that the file
// names, relative to what .cargo lies in.
func (s *service) findVendor(c cargoConfig) {
	for _, name := range slices.Sorted(maps.Keys(c.Source)) {
		at := path.Join(s.top, c.Source[name].Directory)
		if c.Source[name].Directory != "" && !outside(at) && ecosystem.IsDir(s.Dir, at) {
			s.vendorDir = at
		}
	}
}

// overrideTarget builds for the platform of the image where the file names another
// target of Linux: the toolchain has the standard library of its own alone.
func (s *service) overrideTarget(c cargoConfig, at string, data []byte) {
	all := words(c.Build.Target)
	if len(all) == 0 {
		return
	}
	line := keyLine(data, "target")
	if !slices.ContainsFunc(all, func(t string) bool { return strings.Contains(t, "-linux-") || t == "host-tuple" }) {
		s.Report(diag.Error, codeTarget, at, line, "move target to the configuration of the package that needs it, or pass --target to cargo where it is built",
			"the file makes cargo build for %s, which no image runs", strings.Join(all, " and "))
		return
	}
	s.onHost = true
	if strings.HasSuffix(all[0], "-linux-gnu") && len(all) == 1 || all[0] == "host-tuple" {
		return
	}
	s.Report(diag.Warning, codeTarget, at, line, "delete the line to build everywhere as in the image", "the toolchain has no standard library of %s; the build is for the image's own platform", strings.Join(all, " and "))
}

func (s *service) overrideWrapper(c cargoConfig, at string, data []byte) {
	w := path.Base(c.Build.Wrapper)
	if c.Build.Wrapper == "" || s.brings(w) {
		return
	}
	s.cargoEnv = append(s.cargoEnv, "RUSTC_WRAPPER=")
	s.Report(diag.Warning, codeOverridden, at, keyLine(data, "rustc-wrapper"), "write packages: {build: ["+w+"]} for the service in slipway.yaml to build with it",
		"the toolchain has no %s, so the image is built without it", w)
}

// overrideLinker takes the compiler's own linker where another is not to be had.
func (s *service) overrideLinker(c cargoConfig, at string, data []byte) {
	var missing, kept []string
	line := 0
	look := func(key, linker string, flags []string) {
		rest, programs := withoutLinker(flags)
		if linker != "" && !ordinary(path.Base(linker)) {
			programs = append(programs, path.Base(linker))
		}
		absent := slices.DeleteFunc(programs, s.brings)
		if len(absent) > 0 && line == 0 {
			line = max(1, ecosystem.LineAt(data, int64(strings.Index(string(data), key))))
		}
		missing, kept = append(missing, absent...), append(kept, rest...)
		if len(absent) > 0 && linker != "" && !strings.Contains(key, "cfg(") && key != "rustflags" {
			s.cargoEnv = append(s.cargoEnv, "CARGO_TARGET_"+strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(key))+"_LINKER=cc")
		}
	}
	look("rustflags", "", words(c.Build.Rustflags))
	for _, key := range slices.Sorted(maps.Keys(c.Target)) {
		if forLinux(key) {
			look(key, c.Target[key].Linker, words(c.Target[key].Rustflags))
		}
	}
	if len(missing) == 0 {
		return
	}
	missing = slices.Compact(slices.Sorted(slices.Values(missing)))
	s.cargoEnv = append(s.cargoEnv, "RUSTFLAGS="+strings.Join(append(slices.Compact(kept), "-C", "linker=cc"), " "))
	s.Report(diag.Warning, codeOverridden, at, line, "write packages: {build: ["+strings.Join(packagesOf(missing), ", ")+"]} for the service in slipway.yaml to link with it",
		"the toolchain has no %s, so the image is linked with the compiler's own linker", strings.Join(missing, " and "))
}

// forLinux reports a table of targets that the image's platform can be one of.
func forLinux(key string) bool {
	if strings.HasPrefix(key, "cfg(") {
		return !strings.Contains(key, "windows") && !strings.Contains(key, "macos") && !strings.Contains(key, "wasm") || strings.Contains(key, "not(")
	}
	return strings.Contains(key, "linux-gnu")
}

// ordinary reports a linker that the toolchain has.
func ordinary(name string) bool {
	return slices.Contains([]string{"cc", "gcc", "ld", "bfd", "x86_64-linux-gnu-gcc", "aarch64-linux-gnu-gcc"}, name)
}

// words are flags, which are a string or a list.
func words(v any) []string {
	switch v := v.(type) {
	case string:
		return strings.Fields(v)
	case []any:
		var out []string
		for _, w := range v {
			out = append(out, fmt.Sprint(w))
		}
		return out
	}
	return nil
}

// withoutLinker returns flags without those that choose a linker, and the
// programs that these need.
func withoutLinker(flags []string) (rest, programs []string) {
	for i := 0; i < len(flags); i++ {
		flag, joined := flags[i], ""
		switch {
		case flag == "-C" && i+1 < len(flags):
			joined = flags[i+1]
		case strings.HasPrefix(flag, "-C"):
			joined = flag[2:]
		case strings.HasPrefix(flag, "-Clink"):
			joined = flag[2:]
		}
		key, value, _ := strings.Cut(joined, "=")
		_, fused, isFuse := strings.Cut(value, "-fuse-ld=")
		var program string
		switch {
		case key == "linker" && !ordinary(path.Base(value)):
			program = path.Base(value)
		case strings.HasPrefix(key, "link-arg") && isFuse && !ordinary(path.Base(fused)):
			program = path.Base(fused)
		}
		if program == "" {
			rest = append(rest, flag)
			continue
		}
		programs = append(programs, program)
		if flag == "-C" {
			i++
		}
	}
	return rest, programs
}

// brings reports a program that packages: of slipway.yaml has for the build.
func (s *service) brings(program string) bool {
	return slices.ContainsFunc(packagesOf([]string{program}), func(p string) bool {
		return slices.ContainsFunc(s.Want.Packages.Build, func(have string) bool { return have == p || strings.HasPrefix(have, p+"-") })
	})
}

// packagesOf are Debian's packages of programs.
func packagesOf(programs []string) []string {
	var out []string
	for _, p := range programs {
		switch strings.TrimPrefix(strings.TrimPrefix(p, "ld."), "ld64.") {
		case "clang", "clang++":
			out = append(out, "clang")
		case "lld", "rust-lld":
			out = append(out, "lld")
		default:
			out = append(out, strings.TrimPrefix(p, "ld."))
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(out)))
}
