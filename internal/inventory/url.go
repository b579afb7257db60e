package inventory

import (
	"cmp"
	"path"
	"strings"

	"github.com/package-url/packageurl-go"
)

// url is the package URL (purl specification, with its types' rules).
func (p Package) url() string {
	space, name := "", p.Name
	var more packageurl.Qualifiers
	switch p.Type {
	case Debian, Alpine:
		usual := map[Type]string{Debian: "debian", Alpine: "alpine"}[p.Type]
		space = cmp.Or(p.Distro, usual)
		if p.Arch != "" {
			more = append(more, packageurl.Qualifier{Key: "arch", Value: p.Arch})
		}
		if p.Release != "" {
			more = append(more, packageurl.Qualifier{Key: "distro", Value: usual + "-" + p.Release})
		}
		if p.Source+p.SourceV != "" {
			upstream := cmp.Or(p.Source, p.Name)
			if p.SourceV != "" {
				upstream += "@" + p.SourceV
			}
			more = append(more, packageurl.Qualifier{Key: "upstream", Value: upstream})
		}
	case NPM, Go:
		space, name = path.Split(p.Name)
		space = strings.TrimSuffix(space, "/")
	case PyPI:
		name = NormalPyPI(p.Name)
	case Maven:
		if group, artifact, ok := strings.Cut(p.Name, ":"); ok {
			space, name = group, artifact
		}
	}
	return packageurl.NewPackageURL(string(p.Type), space, name, p.Version, more, "").ToString()
}
