package testreport

import "encoding/xml"

// readSpotBugs reads bugcollection.xsd of SpotBugs 4. A priority is 1 (high) to 3
// (low), as its task of Ant names them.
func readSpotBugs(in *intake) error {
	return in.elements(func(d *xml.Decoder, s xml.StartElement) (bool, error) {
		if s.Name.Local != "BugInstance" {
			return false, nil
		}
		var bug struct {
			Type     string `xml:"type,attr"`
			Priority int    `xml:"priority,attr"`
			Short    string `xml:"ShortMessage"`
			Long     string `xml:"LongMessage"`
			Lines    []struct {
				Path  string `xml:"sourcepath,attr"`
				Start int    `xml:"start,attr"`
			} `xml:"SourceLine"`
			Class struct {
				Line struct {
					Path  string `xml:"sourcepath,attr"`
					Start int    `xml:"start,attr"`
				} `xml:"SourceLine"`
			} `xml:"Class"`
		}
		if err := d.DecodeElement(&bug, &s); err != nil {
			return true, err
		}
		f := Finding{Tool: "SpotBugs", Rule: bug.Type, Severity: Error, File: bug.Class.Line.Path, Line: bug.Class.Line.Start, Text: bug.Long}
		if len(bug.Lines) > 0 {
			f.File, f.Line = bug.Lines[0].Path, bug.Lines[0].Start
		}
		switch {
		case bug.Priority == 2:
			f.Severity = Warning
		case bug.Priority > 2:
			f.Severity = Note
		}
		if f.Text == "" {
			f.Text = bug.Short
		}
		return true, in.find(f)
	}, nil)
}
