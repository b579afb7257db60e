package proof

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/proof/layer"
)

// secrets looks into every layer: what a later layer deletes can still be read.
func (c *check) secrets() {
	for i, x := range c.Layers {
		for _, p := range slices.Sorted(maps.Keys(x.Facts)) {
			what := x.Facts[p].Secret
			if what == "" {
				continue
			}
			c.secret(p, what, i)
		}
	}
}

func (c *check) secret(p, what string, at int) {
	text := "holds " + what
	if c.deletedAbove(p, at) {
		text += "; a later layer deletes it, but anyone with the image can read it"
	}
	inApp := strings.TrimPrefix(p, "app/")
	hint := c.setting("exclude: ["+inApp+"]") + ", and pass it at run time"
	if !c.planned() {
		hint = "name it in .dockerignore, and use RUN --mount=type=secret where a step needs it"
	}
	place := c.place(p, 0, "")
	// A plan leaves out what is called like a secret, unless the sources or files:
	// name it: then it is meant to be there.
	meant := what == "a private key" && ecosystem.IsSecret(inApp) || slices.ContainsFunc(c.Wanted, func(w string) bool { return path.Clean(w) == inApp })
	if meant || aside("/"+p) {
		c.warn(CodeSecret, place, hint, "/%s %s", p, text)
		return
	}
	c.broken(CodeSecret, place, hint, "/%s %s", p, text)
}

// deletedAbove tells whether a later layer deletes or replaces a file.
func (c *check) deletedAbove(p string, at int) bool {
	for _, x := range c.Layers[at+1:] {
		if _, ok := slices.BinarySearchFunc(x.Entries, p, func(e layer.Entry, p string) int { return strings.Compare(e.Path, p) }); ok {
			return true
		}
	}
	return !c.tree.Exists("/" + p)
}

// The bits of a file's mode beside the permissions.
const (
	setuid = 0o4000
	setgid = 0o2000
	sticky = 0o1000
	world  = 0o002
)

// modes reports files that have more rights than a service needs.
func (c *check) modes() {
	var files []layer.File
	for f := range c.tree.Files {
		switch {
		case f.Kind == layer.Device, f.Kind == layer.Regular && (f.Mode&(setuid|setgid) != 0 || f.Capable), f.Mode&world != 0 && f.Kind != layer.Symlink && f.Mode&sticky == 0:
			files = append(files, f)
		}
	}
	slices.SortFunc(files, func(a, b layer.File) int { return strings.Compare(a.Path, b.Path) })
	for _, f := range files {
		p := "/" + f.Path
		place := diag.Place{File: p}
		switch {
		case f.Kind == layer.Device:
			c.warn(CodeDevice, place, "remove it: container runtimes make the devices of a container", "%s is a device node", p)
		case f.Kind == layer.Regular && f.Mode&setuid != 0:
			c.warn(CodeSetuid, place, "chmod u-s "+p, "%s runs with the rights of its owner %d (setuid)", p, f.UID)
		case f.Kind == layer.Regular && f.Mode&setgid != 0:
			c.warn(CodeSetuid, place, "chmod g-s "+p, "%s runs with the rights of its group %d (setgid)", p, f.GID)
		case f.Capable:
			c.warn(CodeSetuid, place, "setcap -r "+p, "%s runs with file capabilities", p)
		case f.Kind == layer.Regular || f.Kind == layer.Directory:
			c.worldWritable(f)
		}
	}
}

func (c *check) worldWritable(f layer.File) {
	p := "/" + f.Path
	for _, dir := range []string{"/tmp", "/var/tmp", "/dev/shm", "/run/lock", "/dev", "/proc"} {
		if p == dir || strings.HasPrefix(p, dir+"/") {
			return
		}
	}
	c.warn(CodeWorldWrites, diag.Place{File: p}, "chmod o-w "+p, "anyone in the container can write to %s (mode %04o)", p, f.Mode)
}

// writes compares relative paths that sources write to with the rights of the
// user.
func (c *check) writes() {
	for _, f := range c.own() {
		for _, w := range f.Source.Writes {
			base := c.workDir()
			if w.Beside {
				base = path.Dir("/" + f.Path)
			}
			target := path.Join(base, w.Path)
			owner, ok := c.mayWriteBelow(target)
			if ok || c.seen["write "+target] {
				continue
			}
			c.seen["write "+target] = true
			c.warn(CodeWrite, c.place(f.Path, w.Line, path.Base(w.Path)), "write below /tmp, or mount a volume at "+target+" that the user "+c.user.name+" owns",
				"the sources write to %s, but /%s belongs to user %d and %s may not write there", target, owner.Path, owner.UID, c.user.name)
		}
	}
}

// homePackages write to the user's home when they are used.
func homePackages() []string {
	return []string{"huggingface_hub", "nltk_data", "playwright", "matplotlib"}
}

// home checks that the user's home can be written to, where something wants to.
func (c *check) home() {
	dir, ok := c.mayWriteBelow(c.user.home)
	if ok && c.tree.IsDir(c.user.home) {
		return
	}
	hint := c.setting("env: {HOME: /tmp}")
	why := "which belongs to user " + itoa(int(dir.UID))
	if !c.tree.IsDir(c.user.home) {
		why = "which does not exist"
	}
	for _, f := range c.own() {
		if f.Source.Home > 0 {
			c.warn(CodeHome, c.place(f.Path, f.Source.Home, ""), hint, "the sources use the user's home %s, %s", c.user.home, why)
			return
		}
	}
	for _, site := range c.versioned("/opt/venv") {
		for _, name := range homePackages() {
			if c.tree.IsDir(path.Join(site, "site-packages", name)) {
				c.warn(CodeHome, c.startPlace(), hint, "the package %s writes to the user's home %s, %s", name, c.user.home, why)
				return
			}
		}
	}
}
