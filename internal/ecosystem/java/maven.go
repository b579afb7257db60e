package java

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// maven is a build with Maven.
type maven struct {
	module  *pom   // of the service
	chain   []*pom // the module and its parents in the repository, in order
	top     *pom   // that mvn runs in: the module, or the outermost that lists it
	modules []*pom // all that top lists, itself first
	needed  []*pom // those that the service is built from, by path
}

// Limits of what is followed.
const (
	maxModules = 2_000
	maxParents = 32
)

// upper is the file of the parent when that lies in the repository.
func upper(tree fs.FS, p *pom) string {
	if p.Parent == nil {
		return ""
	}
	rel := "../pom.xml"
	if r := p.Parent.RelativePath; r != nil {
		if rel = strings.TrimSpace(*r); rel == "" {
			return ""
		}
	}
	file := path.Join(p.dir(), rel)
	if !strings.HasSuffix(file, ".xml") {
		file = path.Join(file, "pom.xml")
	}
	if path.IsAbs(rel) || strings.HasPrefix(file, "../") {
		return ""
	}
	up, _, err := readPOM(tree, file)
	if err != nil || up.ArtifactID != strings.TrimSpace(p.Parent.ArtifactID) {
		return ""
	}
	return file
}

// aggregator is the file of the nearest pom.xml above that lists a directory.
func aggregator(tree fs.FS, dir string) string {
	for up := path.Dir(dir); dir != "."; up = path.Dir(up) {
		file := path.Join(up, "pom.xml")
		if p, _, err := readPOM(tree, file); err == nil && slices.Contains(p.modulePaths(), dir) {
			return file
		}
		if up == "." {
			break
		}
	}
	return ""
}

// relatives are the directories of the parents and of those that list a module,
// and of theirs.
func relatives(tree fs.FS, at string) []string {
	dirs := []string{at}
	for i := 0; i < len(dirs) && i < maxParents; i++ { // grows
		p, _, err := readPOM(tree, path.Join(dirs[i], "pom.xml"))
		if err != nil {
			continue
		}
		for _, file := range []string{upper(tree, p), aggregator(tree, dirs[i])} {
			if file != "" && !slices.Contains(dirs, path.Dir(file)) {
				dirs = append(dirs, path.Dir(file))
			}
		}
	}
	return dirs
}

// reactor returns a pom.xml and all that it lists.
func reactor(tree fs.FS, top *pom) []*pom {
	all := []*pom{top}
	seen := map[string]bool{top.dir(): true}
	for i := 0; i < len(all) && len(all) < maxModules; i++ { // grows
		for _, dir := range all[i].modulePaths() {
			if seen[dir] || strings.HasPrefix(dir, "..") || path.IsAbs(dir) {
				continue
			}
			seen[dir] = true
			if p, _, err := readPOM(tree, path.Join(dir, "pom.xml")); err == nil {
				all = append(all, p)
			}
		}
	}
	return all
}

// readMaven reads the module, its parents, and what it is built with.
func (s *service) readMaven() bool {
	read := func(file string) *pom {
		p, line, err := readPOM(s.Dir, file)
		if err != nil {
			s.Report(diag.Error, codeManifest, file, line, "run: mvn validate, which reports the line", "%s cannot be read: %v", path.Base(file), err)
			return nil
		}
		return p
	}
	m := &maven{module: read(path.Join(s.at, "pom.xml"))}
	if m.module == nil {
		return false
	}
	for p := m.module; p != nil && len(m.chain) < maxParents; {
		m.chain = append(m.chain, p)
		file := upper(s.Dir, p)
		if p.Parent != nil && p.Parent.RelativePath != nil && strings.HasPrefix(path.Join(p.dir(), *p.Parent.RelativePath), "../") && file == "" {
			s.Report(diag.Error, codeOutside, p.file, p.line("<relativePath>"), "move it into the repository, or leave an empty <relativePath/> for a published one", "the parent %s is outside the repository", *p.Parent.RelativePath)
			return false
		}
		if p = nil; file != "" {
			p = read(file)
		}
	}
	m.top = m.module
	for range maxParents {
		file := aggregator(s.Dir, m.top.dir())
		if file == "" {
			break
		}
		if m.top = read(file); m.top == nil {
			return false
		}
	}
	m.modules = reactor(s.Dir, m.top)
	s.maven = m
	m.needed = s.need()
	s.mavenFact()
	return s.checkModules()
}

// checkModules reports modules that are listed and missing: mvn would stop.
func (s *service) checkModules() bool {
	for _, p := range s.maven.modules {
		for i, dir := range p.modulePaths() {
			switch {
			case strings.HasPrefix(dir, ".."):
				s.Report(diag.Error, codeOutside, p.file, p.line(p.Modules[i]), "move it into the repository", "the module %s is outside the repository", p.Modules[i])
				return false
			case !ecosystem.Exists(s.Dir, dir+"/pom.xml") && !ecosystem.Exists(s.Dir, path.Join(p.dir(), p.Modules[i])):
				s.Report(diag.Error, codeManifest, p.file, p.line(p.Modules[i]), "delete the line, or commit the module", "the module %s is listed, but has no pom.xml", p.Modules[i])
				return false
			}
		}
	}
	return true
}

// mavenFact says which Maven builds.
func (s *service) mavenFact() {
	text := "Maven " + debianMaven
	if !s.assembled {
		text = "Maven"
	}
	const file = ".mvn/wrapper/maven-wrapper.properties"
	props := first(s.Dir, s.maven.top.dir(), file)
	data, err := ecosystem.Read(s.Dir, props)
	if props == "" || err != nil {
		s.Fact("build tool", text, "build file", s.maven.module.file, 0)
		return
	}
	wrapped := regexp.MustCompile(`apache-maven-(\d+)\.([\w.]+?)-bin`).FindSubmatch(data)
	switch {
	case wrapped == nil:
		s.Fact("build tool", text, "build file", s.maven.module.file, 0)
	case string(wrapped[1]) != "3":
		s.Report(diag.Warning, codeTool, props, 0, "build it once with mvn "+debianMaven+", or take an image with that Maven: bases: {java-toolchain: <image>, java-runtime: <image>} in slipway.yaml",
			"the wrapper requires Maven %s.%s, the bases have %s", wrapped[1], wrapped[2], debianMaven)
	default:
		s.Fact("build tool", text, "instead of the wrapper's "+string(wrapped[1])+"."+string(wrapped[2]), props, 0)
	}
}

// debianMaven is the Maven of the bases.
const debianMaven = "3.9"

// need returns the modules that the service's is built from: itself, the parents
// and what it depends on.
func (s *service) need() []*pom {
	m := s.maven
	byName := map[string]*pom{}
	for _, p := range m.modules {
		byName[p.GroupID+":"+p.ArtifactID] = p
	}
	needed := []*pom{m.module}
	for i := 0; i < len(needed); i++ { // grows
		p := needed[i]
		for _, d := range p.Dependencies {
			group := s.expand(d.GroupID)
			if strings.Contains(d.GroupID, "project.groupId") || strings.Contains(d.GroupID, "pom.groupId") {
				group = p.GroupID
			}
			if q := byName[group+":"+s.expand(d.ArtifactID)]; q != nil && !slices.Contains(needed, q) {
				needed = append(needed, q)
			}
		}
	}
	slices.SortFunc(needed, func(a, b *pom) int { return strings.Compare(a.file, b.file) })
	return needed
}

// property looks a property up in the module and its parents.
func (s *service) property(name string) (value string, at *pom) {
	for _, p := range s.maven.chain {
		if v, ok := p.Properties[name]; ok {
			return v, p
		}
	}
	return "", nil
}

var reference = pattern.Lazy(`\$\{([\w.-]+)\}`)

// expand replaces the properties in a text, as far as the build files say them.
func (s *service) expand(text string) string {
	text = strings.TrimSpace(text)
	for range 8 {
		if len(text) > 1<<12 || !reference().MatchString(text) {
			break
		}
		text = reference().ReplaceAllStringFunc(text, func(ref string) string {
			name := ref[2 : len(ref)-1]
			module := s.maven.module
			switch strings.TrimPrefix(strings.TrimPrefix(name, "project."), "pom.") {
			case "version":
				return module.Version
			case "groupId":
				return module.GroupID
			case "artifactId":
				return module.ArtifactID
			}
			if module.Parent != nil && name == "project.parent.version" {
				return module.Parent.Version
			}
			if v, at := s.property(name); at != nil {
				return v
			}
			return ref
		})
	}
	return text
}

// plugin returns a plugin of the module or one that it inherits.
func (s *service) plugin(artifact string) (*plugin, *pom) {
	for _, p := range s.maven.chain {
		if g := p.plugin(artifact); g != nil {
			return g, p
		}
	}
	return nil, nil
}

// depends returns the first dependency of the service's modules that a function
// accepts, as evidence.
func (s *service) depends(accept func(artifact string) bool) ecosystem.Hit {
	if s.maven == nil {
		return s.grade.depends(accept)
	}
	for _, p := range append(slices.Clone(s.maven.chain), s.maven.needed...) {
		for _, d := range p.Dependencies {
			if a := strings.TrimSpace(d.ArtifactID); accept(a) && d.Scope != "test" {
				return ecosystem.Hit{Text: a, File: p.file, Line: p.line("<artifactId>" + a + "<")}
			}
		}
	}
	return ecosystem.Hit{}
}

// springVersion is the version of Spring Boot that the build files name.
func (s *service) springVersion() [2]int {
	var texts []string
	for _, p := range s.maven.chain {
		if p.Parent != nil && p.Parent.ArtifactID == "spring-boot-starter-parent" {
			texts = append(texts, p.Parent.Version)
		}
		for _, d := range p.Managed {
			if strings.TrimSpace(d.ArtifactID) == "spring-boot-dependencies" {
				texts = append(texts, d.Version)
			}
		}
		if g := p.plugin("spring-boot-maven-plugin"); g != nil {
			texts = append(texts, g.Version)
		}
	}
	for _, t := range texts {
		if v := majorMinor(s.expand(t)); v[0] > 0 {
			return v
		}
	}
	return [2]int{}
}

var twoNumbers = pattern.Lazy(`^(\d{1,3})\.(\d{1,3})\b`)

func majorMinor(text string) [2]int {
	m := twoNumbers().FindStringSubmatch(text)
	if m == nil {
		return [2]int{}
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	return [2]int{major, minor}
}

// jar is the path of what the module is packed into.
func (s *service) jar() string {
	m := s.maven.module
	name := m.FinalName
	if name == "" {
		name = m.ArtifactID + "-" + m.Version
	}
	if g, _ := s.plugin("spring-boot-maven-plugin"); s.kind == kindSpring && g.setting("classifier") != "" {
		name += "-" + g.setting("classifier")
	}
	if name = s.expand(name); strings.Contains(name, "${") {
		name = s.expand(m.ArtifactID) + "-*"
	}
	ext := ".jar"
	if m.Packaging == "war" {
		ext = ".war"
	}
	return path.Join(m.dir(), "target", name+ext)
}
