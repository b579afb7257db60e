package proof

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/proof/layer"
)

// javaValueFlags are options of java that take the next word.
func javaValueFlags() []string {
	return []string{"--add-modules", "--add-opens", "--add-exports", "--add-reads", "--module-path", "-p", "--limit-modules", "--upgrade-module-path", "--patch-module", "--source"}
}

// java checks the arguments of the JVM's launcher.
func (c *check) java(args []string) {
	classPath := c.env["CLASSPATH"]
	for a := (arguments{rest: args}); a.next(); {
		switch {
		case strings.HasPrefix(a.word, "@"):
			f, ok := c.file(a.word[1:], "the start command")
			if !ok || f.Text == "" {
				return // what it holds decides the rest
			}
			a.rest = append(strings.Fields(f.Text), a.rest...)
		case a.flag == "-jar":
			c.jar(a.operand())
			return
		case a.flag == "-cp" || a.flag == "-classpath" || a.flag == "--class-path":
			classPath = a.operand()
		case a.flag == "-m" || a.flag == "--module":
			return
		case strings.HasPrefix(a.word, "-javaagent:"), strings.HasPrefix(a.word, "-agentpath:"):
			_, agent, _ := strings.Cut(a.flag, ":")
			c.file(agent, "the start command")
		case slices.Contains(javaValueFlags(), a.flag):
			a.operand()
		case strings.HasPrefix(a.word, "-"):
		default:
			c.mainClass(a.word, classPath)
			return
		}
	}
}

// jar checks the jar that java -jar starts.
func (c *check) jar(name string) {
	f, ok := c.file(name, "the start command")
	if !ok {
		return
	}
	if f.Jar == nil {
		if f.Size < 100 {
			c.broken(CodeJar, c.startPlace(), "check the build's output there", "%s is not a jar", name)
		}
		return
	}
	if f.Jar.Main == "" {
		c.broken(CodeJar, c.startPlace(), "configure Main-Class in the build (maven-jar-plugin, the application plugin), or "+c.setting("command: [\"java\", \"-cp\", PATH, CLASS]"), "%s has no Main-Class in its manifest", name)
		return
	}
	jars := []layer.File{f}
	var lost []string
	for _, entry := range f.Jar.ClassPath {
		at := path.Join("/", path.Dir(f.Path), strings.TrimPrefix(entry, "file:"))
		if path.IsAbs(entry) {
			at = entry
		}
		lib, ok := c.tree.Lookup(at)
		if !ok {
			lost = append(lost, entry)
			continue
		}
		jars = append(jars, lib)
	}
	if n := len(lost); n > 0 {
		report := c.warn
		if n == len(f.Jar.ClassPath) {
			report = c.broken
		}
		report(CodeJar, c.startPlace(), "let the build copy the libraries beside the jar (maven-dependency-plugin copy-dependencies), or pack them into it",
			"%s names %s in its Class-Path, of which %s not in the image: %s", name, count(len(f.Jar.ClassPath), "file"), areMissing(n), few(lost))
	}
	main := f.Jar.Main
	if f.Jar.Start != "" {
		main = f.Jar.Start
	}
	c.classes(main, jars, name, nil)
}

func areMissing(n int) string {
	if n == 1 {
		return "1 is"
	}
	return itoa(n) + " are"
}

// few lists the first of some names.
func few(names []string) string {
	if len(names) > 3 {
		return strings.Join(names[:3], ", ") + " …"
	}
	return strings.Join(names, ", ")
}

// mainClass checks a class that is started from a class path.
func (c *check) mainClass(class, classPath string) {
	if strings.HasSuffix(class, ".java") {
		c.file(class, "the start command")
		return
	}
	if classPath == "" {
		classPath = "."
	}
	var jars []layer.File
	var dirs []string
	for entry := range strings.SplitSeq(classPath, ":") {
		if dir, ok := strings.CutSuffix(entry, "*"); ok {
			for _, name := range c.tree.Names(c.abs(dir)) {
				if f, ok := c.tree.Lookup(path.Join(c.abs(dir), name)); ok && path.Ext(name) == ".jar" {
					jars = append(jars, f)
				}
			}
			continue
		}
		f, ok := c.tree.Lookup(c.abs(entry))
		switch {
		case !ok && path.Ext(entry) == ".jar":
			c.broken(CodeJar, c.startPlace(), c.fileHint(entry), "the class path of the start command names %s, which is not in the image", entry)
		case ok && f.Kind == layer.Directory:
			dirs = append(dirs, c.abs(entry))
		case ok:
			jars = append(jars, f)
		}
	}
	c.classes(strings.ReplaceAll(class, "/", "."), jars, "the class path "+classPath, dirs)
}

// classes checks that a class is in one of the jars or directories, and the
// classes that it refers to.
func (c *check) classes(main string, jars []layer.File, where string, dirs []string) {
	has := func(class string) bool {
		for _, dir := range dirs {
			if c.tree.Exists(path.Join(dir, strings.ReplaceAll(class, ".", "/")+".class")) {
				return true
			}
		}
		return slices.ContainsFunc(jars, func(f layer.File) bool { return f.Jar == nil || f.Jar.Has(class) })
	}
	if !has(main) {
		c.broken(CodeJar, c.startPlace(), "fix the main class in the build file, or "+c.setting("command: [\"java\", \"-cp\", PATH, CLASS]"), "the main class %s is not in %s", main, where)
		return
	}
	var refers []string
	for _, f := range jars {
		if f.Jar == nil || f.Jar.Inner > 0 || strings.Contains(f.Jar.Main, "quarkus") { // libraries within jars, or found by a launcher
			return
		}
		if f.Jar.Main == main || f.Jar.Start == main {
			refers = f.Jar.Refers
		}
	}
	foreign := slices.DeleteFunc(slices.Clone(refers), func(class string) bool { return strings.HasPrefix(class, main[:strings.LastIndexByte(main, '.')+1]) })
	lost := slices.DeleteFunc(slices.Clone(refers), has)
	if len(lost) > 0 {
		report := c.warn // some may be for other surroundings
		if len(foreign) <= len(lost) {
			report = c.broken
		}
		report(CodeJar, c.startPlace(), "pack the libraries into the jar (maven-shade-plugin, Spring Boot's plugin), or copy them beside it and name them in its Class-Path",
			"the main class %s uses %s, which is in no jar of the start command", main, few(lost))
	}
}
