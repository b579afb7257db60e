package inventory

import (
	"bytes"
	"encoding/xml"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// project is what is read of a pom.xml.
type project struct {
	Group   string `xml:"groupId"`
	Version string `xml:"version"`
	Parent  struct {
		Group   string `xml:"groupId"`
		Version string `xml:"version"`
	} `xml:"parent"`
	Properties struct {
		List []struct {
			XMLName xml.Name
			Value   string `xml:",chardata"`
		} `xml:",any"`
	} `xml:"properties"`
	Dependencies []dependency `xml:"dependencies>dependency"`
	Managed      []dependency `xml:"dependencyManagement>dependencies>dependency"`
	OfProfiles   []dependency `xml:"profiles>profile>dependencies>dependency"`
}

type dependency struct {
	Group    string `xml:"groupId"`
	Artifact string `xml:"artifactId"`
	Version  string `xml:"version"`
}

func readProject(data []byte) (p project, err error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // names and versions are ASCII
	return p, d.Decode(&p)
}

// poms are a pom.xml and those above it, the nearest first.
type poms []project

var property = pattern.Lazy(`\$\{([^}]*)\}`)

// Limits of properties: how deep they refer to others, and how long a name or version is.
const (
	maxProperties = 8
	maxExpanded   = 500
)

// expand replaces the properties of a text that the files state.
func (list poms) expand(text string) string {
	for range maxProperties {
		before := text
		text = property().ReplaceAllStringFunc(text, func(ref string) string {
			name := ref[2 : len(ref)-1]
			for _, p := range list {
				own := map[string]string{"project.version": p.Version, "project.groupId": p.Group, "project.parent.version": p.Parent.Version, "project.parent.groupId": p.Parent.Group}
				for _, one := range p.Properties.List {
					own[one.XMLName.Local] = one.Value
				}
				if v := strings.TrimSpace(own[name]); v != "" && len(v) < maxExpanded {
					return v
				}
			}
			return ref
		})
		if text == before || len(text) > maxExpanded {
			break
		}
	}
	return strings.TrimSpace(text)
}

var exactMaven = pattern.Lazy(`^[0-9A-Za-z][0-9A-Za-z._+-]*$`)

// version is the version of a dependency that the files state, "" for none.
func (list poms) version(d dependency) string {
	v := list.expand(d.Version)
	for _, p := range list {
		for _, m := range p.Managed {
			if v == "" && list.expand(m.Group) == list.expand(d.Group) && list.expand(m.Artifact) == list.expand(d.Artifact) {
				v = list.expand(m.Version)
			}
		}
	}
	if !exactMaven().MatchString(v) || v == "LATEST" || v == "RELEASE" {
		return ""
	}
	return v
}

// pom reads the dependencies of a pom.xml whose versions it or one above it states. What
// those need themselves no file of Maven pins.
func pom(tree fs.FS, p string, data []byte) (out []Package, names bool) {
	own, err := readProject(data)
	if err != nil {
		return nil, true
	}
	list := poms{own}
	for dir := path.Dir(p); dir != "."; {
		dir = path.Dir(dir)
		above, err := readLock(tree, path.Join(dir, "pom.xml"))
		if err != nil {
			continue // none
		}
		if parent, err := readProject(above); err == nil {
			list = append(list, parent)
		}
	}
	for _, d := range append(own.Dependencies, own.OfProfiles...) {
		names = true
		if v := list.version(d); v != "" {
			out = append(out, Package{Type: Maven, Name: list.expand(d.Group) + ":" + list.expand(d.Artifact), Version: v})
		}
	}
	return out, names
}
