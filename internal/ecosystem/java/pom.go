package java

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// pom is what Slipway reads of a pom.xml (Maven's POM 4.0.0).
type pom struct {
	file string // relative to the build context
	data []byte

	Parent       *parent      `xml:"parent"`
	GroupID      string       `xml:"groupId"`
	ArtifactID   string       `xml:"artifactId"`
	Version      string       `xml:"version"`
	Packaging    string       `xml:"packaging"`
	Description  string       `xml:"description"`
	Modules      []string     `xml:"modules>module"`
	Properties   properties   `xml:"properties"`
	Dependencies []dependency `xml:"dependencies>dependency"`
	Managed      []dependency `xml:"dependencyManagement>dependencies>dependency"`
	Plugins      []plugin     `xml:"build>plugins>plugin"`
	PluginsOf    []plugin     `xml:"build>pluginManagement>plugins>plugin"`
	FinalName    string       `xml:"build>finalName"`
	Licences     []string     `xml:"licenses>license>name"`
}

type parent struct {
	GroupID      string  `xml:"groupId"`
	ArtifactID   string  `xml:"artifactId"`
	Version      string  `xml:"version"`
	RelativePath *string `xml:"relativePath"`
}

type dependency struct {
	GroupID    string `xml:"groupId"`
	ArtifactID string `xml:"artifactId"`
	Version    string `xml:"version"`
	Scope      string `xml:"scope"`
}

type plugin struct {
	GroupID    string `xml:"groupId"`
	ArtifactID string `xml:"artifactId"`
	Version    string `xml:"version"`
	Inner      []byte `xml:",innerxml"`

	Executions []execution `xml:"executions>execution"`
}

// execution is a use of a plugin with settings of its own.
type execution struct {
	ID    string   `xml:"id"`
	Phase string   `xml:"phase"`
	Goals []string `xml:"goals>goal"`
}

// properties are the elements of <properties>.
type properties map[string]string

// UnmarshalXML implements xml.Unmarshaler.
func (p *properties) UnmarshalXML(d *xml.Decoder, _ xml.StartElement) error {
	*p = properties{}
	for {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch e := token.(type) {
		case xml.StartElement:
			var text string
			if err := d.DecodeElement(&text, &e); err != nil {
				return err
			}
			(*p)[e.Name.Local] = strings.TrimSpace(text)
		case xml.EndElement:
			return nil
		}
	}
}

// parsePOM reads a pom.xml. With an error comes the line, from 1.
func parsePOM(file string, data []byte) (*pom, int, error) {
	p := &pom{file: file, data: data}
	d := xml.NewDecoder(bytes.NewReader(data))
	d.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		marked := strings.EqualFold(charset, "utf-16") && utf8.Valid(data) // by its mark, it is UTF-8 since it was read
		if marked || strings.EqualFold(charset, "us-ascii") || strings.EqualFold(charset, "iso-8859-1") {
			return in, nil
		}
		return nil, fmt.Errorf("its encoding is %s, and Slipway reads UTF-8", charset)
	}
	err := d.Decode(&struct {
		XMLName xml.Name `xml:"project"`
		*pom
	}{pom: p})
	if errors.Is(err, io.EOF) {
		err = errors.New("no <project> element")
	}
	if err != nil {
		line, _ := d.InputPos()
		return nil, max(line, 1), err
	}
	for _, text := range []*string{&p.GroupID, &p.ArtifactID, &p.Version, &p.Packaging, &p.FinalName} {
		*text = strings.TrimSpace(*text)
	}
	for i := range p.Modules {
		p.Modules[i] = strings.TrimSpace(p.Modules[i])
	}
	if p.Parent != nil {
		p.GroupID, p.Version = ecosystem.Or(p.GroupID, p.Parent.GroupID), ecosystem.Or(p.Version, p.Parent.Version)
	}
	p.Packaging = ecosystem.Or(p.Packaging, "jar")
	return p, 0, nil
}

// readPOM reads the pom.xml of a directory.
func readPOM(tree fs.FS, file string) (*pom, int, error) {
	data, err := ecosystem.Read(tree, file)
	if err != nil {
		return nil, 0, err
	}
	return parsePOM(file, data)
}

// dir is the directory of the module.
func (p *pom) dir() string { return path.Dir(p.file) }

// line is the first line that has a text, 0 without one.
func (p *pom) line(text string) int {
	if i := bytes.Index(p.data, []byte(text)); i >= 0 && text != "" {
		return ecosystem.LineAt(p.data, int64(i))
	}
	return 0
}

// modulePaths are the directories of the modules, relative to the build context.
// A module may be named by its file.
func (p *pom) modulePaths() []string {
	var out []string
	for _, m := range p.Modules {
		if m == "" {
			continue
		}
		at := path.Join(p.dir(), m)
		if strings.HasSuffix(at, ".xml") {
			at = path.Dir(at)
		}
		out = append(out, at)
	}
	return out
}

// plugin returns a plugin by its artifact.
func (p *pom) plugin(artifact string) *plugin {
	i := slices.IndexFunc(p.Plugins, func(g plugin) bool { return strings.TrimSpace(g.ArtifactID) == artifact })
	if i < 0 {
		return nil
	}
	return &p.Plugins[i]
}

// setting returns the text of the first element of that name in a plugin's
// configuration.
func (g *plugin) setting(name string) string {
	if g == nil {
		return ""
	}
	m := regexp.MustCompile(`<` + regexp.QuoteMeta(name) + `>\s*([^<]*?)\s*</`).FindSubmatch(g.Inner)
	if m == nil {
		return ""
	}
	return string(m[1])
}
