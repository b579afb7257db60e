package inventory

import (
	"cmp"
	"slices"
	"strings"
)

// osRelease is what an image calls its system (os-release(5)). The zero value is none.
type osRelease struct {
	id      string // "debian"
	name    string // "Debian GNU/Linux"
	version string // "13"
}

// other is the system, when it is not the one that a type of packages belongs to.
func (o osRelease) other(usual string) string {
	if o.id == usual {
		return ""
	}
	return o.id
}

// release reads what the image calls its system.
func (c *collector) release() osRelease {
	for _, name := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		f, ok := c.tree.Lookup(name)
		if !ok {
			continue
		}
		values := map[string]string{}
		for line := range strings.Lines(f.Text) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			values[key] = strings.Trim(value, `"'`)
		}
		return osRelease{cmp.Or(values["ID"], "linux"), cmp.Or(values["NAME"], values["ID"], "a system without a name"), values["VERSION_ID"]}
	}
	return osRelease{}
}

// rpmDatabases are the records of RPM, of all its versions, and that of Azure Linux
// without RPM.
func rpmDatabases() []string {
	return []string{
		"/var/lib/rpm/Packages", "/var/lib/rpm/Packages.db", "/var/lib/rpm/rpmdb.sqlite", "/var/lib/rpmmanifest/container-manifest-2",
		"/usr/lib/sysimage/rpm/Packages", "/usr/lib/sysimage/rpm/Packages.db", "/usr/lib/sysimage/rpm/rpmdb.sqlite",
	}
}

// unlisted names the system whose packages nobody can look up, "" for none.
func (c *collector) unlisted() string {
	listed := map[Type]bool{}
	for _, p := range c.out {
		if p.Type == Debian || p.Type == Alpine {
			listed[p.Type] = true
			if p.Release != "" {
				return ""
			}
		}
	}
	switch {
	case c.os.id == "debian" && c.os.version == "" && listed[Debian], c.os.id == "" && listed[Debian]:
		return "Debian of unknown release"
	case c.os.id == "" && listed[Alpine]:
		return "Alpine of unknown release"
	case c.os.id != "":
		return strings.TrimSpace(c.os.name + " " + c.os.version)
	case slices.ContainsFunc(rpmDatabases(), func(name string) bool { _, ok := c.tree.Lookup(name); return ok }):
		return "a system with RPM"
	}
	return ""
}
