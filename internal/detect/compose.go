package detect

import (
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// composed is what a compose file says of one service that it builds
// (https://github.com/compose-spec/compose-spec/blob/main/spec.md).
type composed struct {
	name    string
	dir     string // build context, relative to the repository's root
	file    string
	ports   []ecosystem.Hit // of the container
	env     []ecosystem.Hit // Text is NAME=value
	health  ecosystem.Hit   // Text is the command
	depends ecosystem.Hit   // Text is the names
	gpu     ecosystem.Hit
	secrets []given
}

// composeNames are the names of compose files, in the order of preference.
func composeNames() []string {
	return []string{"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"}
}

// readCompose reads the compose file of a directory.
func readCompose(root fs.FS, dir string) []composed {
	for _, name := range composeNames() {
		file := path.Join(dir, name)
		if !ecosystem.Exists(root, file) {
			continue
		}
		data, err := ecosystem.Read(root, file)
		if err != nil {
			return nil
		}
		var out []composed
		for _, doc := range yamlDocuments(data) {
			names, services := doc.at("services").pairs()
			for i, s := range services {
				if c, ok := composedOf(names[i], dir, file, s); ok {
					c.secrets = secretsOf(doc, s, dir)
					out = append(out, c)
				}
			}
		}
		return out
	}
	return nil
}

func composedOf(name, dir, file string, s yamlNode) (composed, bool) {
	build := s.at("build")
	context := build.text()
	if context == "" {
		context = build.at("context").text()
	}
	if context == "" && build.node != nil {
		context = "."
	}
	at := path.Join(dir, context)
	if context == "" || strings.Contains(context, "$") || path.IsAbs(context) || !fs.ValidPath(at) {
		return composed{}, false
	}
	c := composed{name: name, dir: at, file: file}
	for _, p := range append(s.at("ports").items(), s.at("expose").items()...) {
		text, line := p.text(), p.line()
		if target := p.at("target"); target.node != nil {
			text, line = target.text(), target.line()
		}
		if n := containerPort(text); n != "" {
			c.ports = append(c.ports, ecosystem.Hit{Text: n, File: file, Line: line, Why: "published by the compose file"})
		}
	}
	keys, values := s.at("environment").pairs()
	for i, k := range keys {
		c.env = append(c.env, ecosystem.Hit{Text: k + "=" + values[i].text(), File: file, Line: values[i].line()})
	}
	for _, item := range s.at("environment").items() {
		c.env = append(c.env, ecosystem.Hit{Text: item.text(), File: file, Line: item.line()})
	}
	if test := s.at("healthcheck", "test"); test.node != nil {
		c.health = ecosystem.Hit{Text: strings.Join(test.words(), " "), File: file, Line: test.line(), Why: "healthcheck of the compose file"}
	}
	if needs := s.at("depends_on"); needs.node != nil {
		names, _ := needs.pairs()
		if names == nil {
			names = needs.words()
		}
		c.depends = ecosystem.Hit{Text: strings.Join(names, ", "), File: file, Line: needs.line(), Why: "depends_on of the compose file"}
	}
	c.gpu = gpuOf(s, file)
	return c, true
}

// gpuOf is where a service of a compose file reserves an NVIDIA GPU.
func gpuOf(s yamlNode, file string) ecosystem.Hit {
	for _, d := range append(s.at("deploy", "resources", "reservations", "devices").items(), s.at("gpus").items()...) {
		gpu := slices.ContainsFunc(d.at("capabilities").words(), func(w string) bool { return w == "gpu" || w == "nvidia" })
		if driver := d.at("driver").text(); driver == "nvidia" || driver == "" && gpu {
			return ecosystem.Hit{File: file, Line: d.line(), Why: "the compose file reserves a GPU"}
		}
	}
	for _, all := range [][2]string{{"gpus", "all"}, {"runtime", "nvidia"}} {
		if at := s.at(all[0]); at.text() == all[1] {
			return ecosystem.Hit{File: file, Line: at.line(), Why: all[0] + ": " + all[1] + " of the compose file"}
		}
	}
	return ecosystem.Hit{}
}

// containerPort is the port in the container of "8080:80", "127.0.0.1:8080:80/tcp"
// or "80"; "" of a range, of UDP and of what holds a variable there.
func containerPort(text string) string {
	text, protocol, _ := strings.Cut(text, "/")
	if protocol != "" && protocol != "tcp" {
		return ""
	}
	text = text[strings.LastIndexByte(text, ':')+1:]
	if n, err := strconv.Atoi(text); err != nil || n <= 0 || n > 65535 {
		return ""
	}
	return text
}
