package debian

import (
	"maps"
	"slices"
	"strings"

	"pault.ag/go/debian/version"

	"github.com/slipway-build/slipway/internal/baseimage/spec"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
)

// renamed lists names that packages had in one release and have in another, for the
// same libraries and programs. A library with another soname is no such package: what
// links the old one does not run with it. The 64-bit time names ("t64") need no entry.
func renamed() [][]string {
	return [][]string{
		{"pkgconf", "pkg-config"}, {"7zip", "p7zip-full"}, {"bind9-dnsutils", "dnsutils"}, {"media-types", "mime-support"},
		{"libimage-exiftool-perl", "exiftool"}, {"default-mysql-client", "mysql-client"}, {"default-libmysqlclient-dev", "libmysqlclient-dev"},
		{"libodbc2", "libodbc1"}, {"libodbcinst2", "odbcinst1debian2"}, {"libgdk-pixbuf-2.0-0", "libgdk-pixbuf2.0-0"}, {"libgdk-pixbuf-2.0-dev", "libgdk-pixbuf2.0-dev"},
		{"libgcc-s1", "libgcc1"}, {"libgl1", "libgl1-mesa-glx"}, {"libegl1", "libegl1-mesa"}, {"libgles2", "libgles2-mesa"}, {"libgl-dev", "libgl1-mesa-dev"},
		{"libjpeg62-turbo", "libjpeg62"}, {"libharfbuzz-subset0", "libharfbuzz0b"}, {"ffmpeg", "libav-tools"}, {"chromium", "chromium-browser"},
		{"fonts-dejavu", "ttf-dejavu"}, {"fonts-dejavu-core", "ttf-dejavu-core"}, {"fonts-liberation", "ttf-liberation"}, {"fonts-freefont-ttf", "ttf-freefont"},
		{"netcat-openbsd", "netcat"}, {"gnupg", "gnupg2"}, {"libncurses-dev", "libncurses5-dev"}, {"libncurses-dev", "libncursesw5-dev"}, {"libreadline-dev", "libreadline6-dev"},
		{"libcurl4-openssl-dev", "libcurl-dev"},
	}
}

// Find returns the name that an index has a package by: the name itself, the one with
// or without the mark of 64-bit times, one of another release, or the only package
// that provides it. It is false when the index has none.
func (x *Index) Find(name string) (string, bool) {
	has := func(n string) bool { return len(x.packages[n]) > 0 }
	if has(name) {
		return name, true
	}
	for _, n := range timed(name) {
		if has(n) {
			return n, true
		}
	}
	providers := slices.Compact(slices.Sorted(slices.Values(x.provides[name])))
	if len(providers) == 1 {
		return providers[0], true
	}
	for _, pair := range renamed() {
		if i := slices.Index(pair, name); i >= 0 {
			if other := pair[1-i]; has(other) {
				return other, true
			}
			for _, n := range timed(pair[1-i]) {
				if has(n) {
					return n, true
				}
			}
		}
	}
	return "", false
}

// timed are the names of a library before and since times have 64 bits.
func timed(name string) []string {
	if before := strings.Replace(name, "t64", "", 1); before != name {
		return []string{before}
	}
	out := []string{name + "t64"}
	if i := strings.LastIndexByte(name, '-'); i > 0 { // libcurl3-gnutls is libcurl3t64-gnutls
		out = append(out, name[:i]+"t64"+name[i:])
	}
	return out
}

// numbers are the version numbers in a name.
var numbers = pattern.Lazy(`[0-9]+([.+][0-9]+)*(t64)?`)

// nearest returns the package that a name may mean: one that differs in its number
// alone, with the highest, or one with a similar name; "" without any.
func (x *Index) nearest(name string) string {
	shape := func(n string) string { return numbers().ReplaceAllString(n, "#") }
	best, highest := "", ""
	for _, n := range slices.Sorted(maps.Keys(x.packages)) {
		if shape(n) != shape(name) || !strings.Contains(shape(n), "#") {
			continue
		}
		if now := strings.Join(numbers().FindAllString(n, -1), "."); best == "" || later(now, highest) {
			best, highest = n, now
		}
	}
	if best != "" {
		return best
	}
	var like []string
	for n := range x.packages {
		if d := len(n) - len(name); d >= -4 && d <= 4 {
			like = append(like, n)
		}
	}
	slices.Sort(like)
	return diag.Nearest(name, like)
}

func later(a, b string) bool {
	v, err1 := version.Parse(strings.ReplaceAll(a, "t64", ""))
	w, err2 := version.Parse(strings.ReplaceAll(b, "t64", ""))
	return err1 == nil && err2 == nil && version.Compare(v, w) > 0
}

// missing is the failure of a package that no index has.
func (x *Index) missing(name string, base spec.Base) error {
	if !slices.Contains(base.More, name) {
		return diag.Fail(diag.ExitBuild, "the Debian mirror has no package %q in %s, which %s needs", name, base.Suite, base.Ref).
			WithHint("the mirror may be incomplete; SLIPWAY_DEBIAN_MIRROR names another one")
	}
	f := diag.Fail(diag.ExitUsage, "Debian %s has no package %q, which the service requires", base.Suite, name)
	if providers := slices.Compact(slices.Sorted(slices.Values(x.provides[name]))); len(providers) > 1 {
		return f.WithHint("several packages provide it: name one of %s", strings.Join(providers[:min(len(providers), 8)], ", "))
	}
	if near := x.nearest(name); near != "" {
		return f.WithHint("did you mean %q? Correct the name under packages: in slipway.yaml", near)
	}
	return f.WithHint("look for it on https://packages.debian.org, and correct the name under packages: in slipway.yaml")
}
