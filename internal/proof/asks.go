package proof

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/proof/layer"
)

// asks checks what sources ask of the system by name, and the zone of TZ.
func (c *check) asks() {
	for _, f := range c.own() {
		for _, ask := range f.Source.Asks {
			at := c.place(f.Path, ask.Line, ask.Name)
			switch ask.What {
			case layer.Library:
				if !c.hasLibrary(ask.Name, f) {
					c.warn(CodeAddon, at, c.libraryHint(path.Base(ask.Name)), "the sources load the shared library %s, which is not in the image", ask.Name)
				}
			case layer.Zone:
				if !c.hasZone(ask.Name) && !c.hasPackage("tzdata") {
					c.warn(CodeZone, at, "add tzdata to the dependencies, or "+c.setting("packages: {runtime: [tzdata]}"), "the sources ask for the time zone %s, which is not in the image", ask.Name)
				}
			case layer.Locale:
				if !c.hasLocale(ask.Name) {
					c.warn(CodeZone, at, c.setting("packages: {runtime: [locales-all]}")+", or use C.UTF-8", "the sources ask for the locale %s, which is not in the image", ask.Name)
				}
			case layer.Account:
				if c.user.nameless && c.env["USER"] == "" && c.env["LOGNAME"] == "" {
					c.warn(CodeAccount, at, "add the account to /etc/passwd, or set USER", "the sources ask for the name of the user %s, who is not in the image's /etc/passwd", c.user.name)
				}
			}
		}
	}
	c.zoneOfTZ()
}

// zoneOfTZ checks the variable TZ. Node.js and Java have the zones themselves, and
// Go programs may; for others an unknown zone is UTC without a word.
func (c *check) zoneOfTZ() {
	zone := strings.TrimPrefix(c.env["TZ"], ":")
	if !strings.Contains(zone, "/") || path.IsAbs(zone) || !c.started || c.hasZone(zone) || c.hasPackage("tzdata") {
		return
	}
	argv := append(slices.Clone(c.Config.Entrypoint), c.Config.Cmd...)
	for _, word := range argv {
		if base := path.Base(word); base == "node" || base == "java" || base == "bun" || base == "deno" {
			return
		}
	}
	c.warn(CodeZone, c.startPlace(), c.setting("packages: {runtime: [tzdata]}"), "TZ names the time zone %s, which is not in the image, so the time is UTC", zone)
}

func (c *check) hasZone(name string) bool {
	for _, dir := range []string{"/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo", c.env["PYTHONTZPATH"], c.env["ZONEINFO"]} {
		if dir != "" && (c.tree.Exists(path.Join(dir, name)) || c.tree.IsFile(dir)) {
			return true
		}
	}
	return false
}

// hasPackage reports a package of Python.
func (c *check) hasPackage(name string) bool {
	for f := range c.tree.Files {
		if f.Kind == layer.Directory && path.Base(f.Path) == name && (strings.HasSuffix(path.Dir(f.Path), "/site-packages") || strings.HasSuffix(path.Dir(f.Path), "/dist-packages")) {
			return true
		}
	}
	return false
}

// hasLocale reports a locale of the C library: one of the archive may be any.
func (c *check) hasLocale(name string) bool {
	if c.musl || c.tree.Exists("/usr/lib/locale/locale-archive") || c.env["LOCPATH"] != "" {
		return true
	}
	base, _, _ := strings.Cut(name, ".")
	base, _, _ = strings.Cut(base, "@")
	for _, have := range c.tree.Names("/usr/lib/locale") {
		if have == base || strings.HasPrefix(have, base+".") || strings.HasPrefix(have, base+"@") {
			return true
		}
	}
	return false
}

// hasLibrary reports a library that a source loads by its name: where the loader
// looks, or anywhere, because another library may have loaded it before.
func (c *check) hasLibrary(name string, by layer.File) bool {
	if strings.Contains(name, "/") {
		return c.tree.Exists(c.abs(name)) || c.tree.Exists(path.Join("/", path.Dir(by.Path), name))
	}
	if optionalLibrary(name) {
		return true
	}
	for f := range c.tree.Files {
		if path.Base(f.Path) == name || f.ELF != nil && f.ELF.Soname == name {
			return true
		}
	}
	return false
}
