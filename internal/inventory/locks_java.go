package inventory

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// gradleLock reads the packages of Gradle's lock files: group:artifact:version, since
// Gradle 7 with the configurations that have it after a "=".
func gradleLock(data []byte) (out []Package, err error) {
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		text := strings.TrimSpace(line)
		if text == "" || text[0] == '#' || strings.HasPrefix(text, "empty=") {
			continue
		}
		address, _, _ := strings.Cut(text, "=")
		part := strings.Split(address, ":")
		if len(part) != 3 || strings.ContainsAny(address, " \t") {
			return nil, fmt.Errorf("line %d is not group:artifact:version", n)
		}
		out = append(out, Package{Type: Maven, Name: part[0] + ":" + part[1], Version: part[2]})
	}
	return out, nil
}

// gradleVerification reads the packages of gradle/verification-metadata.xml: all that
// a build may download, its plugins too. What is only a POM is a parent or a list of
// versions, and no code.
func gradleVerification(data []byte) (out []Package, err error) {
	var doc struct {
		XMLName    xml.Name `xml:"verification-metadata"`
		Components []struct {
			Group     string `xml:"group,attr"`
			Name      string `xml:"name,attr"`
			Version   string `xml:"version,attr"`
			Artifacts []struct {
				Name string `xml:"name,attr"`
				Sum  struct {
					Value string `xml:"value,attr"`
				} `xml:"sha256"`
			} `xml:"artifact"`
		} `xml:"components>component"`
	}
	if err := xml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	for _, c := range doc.Components {
		p := Package{Type: Maven, Name: c.Group + ":" + c.Name, Version: c.Version}
		code := false
		for _, a := range c.Artifacts {
			if strings.HasSuffix(a.Name, ".jar") || strings.HasSuffix(a.Name, ".war") || strings.HasSuffix(a.Name, ".aar") {
				code = true
				if a.Name == c.Name+"-"+c.Version+".jar" {
					p.SHA256 = a.Sum.Value
				}
			}
		}
		if code {
			out = append(out, p)
		}
	}
	return out, nil
}
