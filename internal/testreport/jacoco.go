package testreport

import (
	"encoding/xml"
	"path"
)

// readJaCoCo reads report.dtd 1.1 of JaCoCo. A source is known by its package, the
// directory of the sources is not (Roots.Files finds it). JaCoCo counts instructions
// and not how often they ran: a line of which some ran counts as run once.
func readJaCoCo(in *intake) error {
	pkg := ""
	var f *File
	return in.elements(func(_ *xml.Decoder, s xml.StartElement) (bool, error) {
		switch s.Name.Local {
		case "package":
			pkg = attribute(s, "name")
		case "sourcefile":
			f = in.cover(path.Join(pkg, attribute(s, "name")))
		case "line":
			if f == nil {
				return false, nil
			}
			f.BranchesTaken = plus(f.BranchesTaken, number(attribute(s, "cb")))
			f.Branches = plus(f.Branches, plus(number(attribute(s, "cb")), number(attribute(s, "mb"))))
			return false, in.line(f, number(attribute(s, "nr")), min(1, number(attribute(s, "ci"))))
		}
		return false, nil
	}, func(name string) {
		if name == "sourcefile" {
			f = nil
		}
	})
}
