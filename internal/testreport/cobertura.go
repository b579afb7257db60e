package testreport

import (
	"encoding/xml"
	"path"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// isCobertura tells Cobertura from Clover, whose root has the same name.
func isCobertura(in *intake) bool {
	root, _ := in.root()
	return root.Name.Local == "coverage" && (attribute(root, "line-rate") != "" || attribute(root, "lines-valid") != "")
}

// conditions is "50% (1/2)".
var conditions = pattern.Lazy(`\((\d+)/(\d+)\)`)

// readCobertura reads coverage-04.dtd, as coverage.py writes it too. Lines of
// methods repeat those of their class and are left out.
func readCobertura(in *intake) error {
	var sources []string
	var f *File
	method := false
	return in.elements(func(d *xml.Decoder, s xml.StartElement) (bool, error) {
		switch s.Name.Local {
		case "source":
			var dir string
			if err := d.DecodeElement(&dir, &s); err != nil {
				return true, err
			}
			if dir = strings.TrimSpace(dir); dir != "" {
				sources = append(sources, dir)
			}
			return true, nil
		case "class":
			name := attribute(s, "filename")
			if len(sources) == 1 && !path.IsAbs(name) { // with several nobody says which
				name = path.Join(sources[0], name)
			}
			f = in.cover(name)
		case "methods":
			method = true
		case "line":
			if f == nil || method {
				return false, nil
			}
			if m := conditions().FindStringSubmatch(attribute(s, "condition-coverage")); m != nil {
				f.Branches = plus(f.Branches, number(m[2]))
				f.BranchesTaken = plus(f.BranchesTaken, number(m[1]))
			}
			return false, in.line(f, number(attribute(s, "number")), number(attribute(s, "hits")))
		}
		return false, nil
	}, func(name string) {
		switch name {
		case "class":
			f = nil
		case "methods":
			method = false
		}
	})
}
