package java

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// settings are those of Spring Boot, Quarkus and Micronaut, by their full name.
type settings map[string]ecosystem.Hit

// readSettings reads the settings of the module, and those of the profiles that
// they turn on, which win.
func (s *service) readSettings() {
	s.settings = settings{}
	s.readSettingsOf("application")
	s.readSettingsOf("META-INF/microprofile-config")
	s.settings.inProduction()
	common := s.settings
	active := common.get("spring.profiles.active")
	if s.settings = (settings{}); !active.Found() {
		s.settings = common
		return
	}
	for _, profile := range slices.Backward(strings.Split(active.Text, ",")) { // the last one wins
		s.readSettingsOf("application-" + strings.TrimSpace(profile))
	}
	for key, h := range common {
		if _, there := s.settings[key]; !there {
			s.settings[key] = h
		}
	}
}

// inProduction puts in what Quarkus and MicroProfile read in production, whose
// names begin with the profile (https://quarkus.io/guides/config-reference, "Profiles").
func (t settings) inProduction() {
	for _, key := range sortedKeys(t) {
		if name, ok := strings.CutPrefix(key, "%prod."); ok {
			t[name] = t[key]
		}
		if strings.HasPrefix(key, "%") {
			delete(t, key)
		}
	}
}

// readSettingsOf reads the files of a name; earlier ones win.
func (s *service) readSettingsOf(base string) {
	for _, dir := range []string{"src/main/resources/config", "src/main/resources"} {
		for _, ext := range []string{".properties", ".yml", ".yaml"} {
			name := base + ext
			file := path.Join(s.at, dir, name)
			data, err := ecosystem.Read(s.Dir, file)
			if err != nil {
				continue
			}
			read := readYAML
			if path.Ext(name) == ".properties" {
				read = readProperties
			}
			for key, h := range read(data) {
				if _, there := s.settings[key]; !there {
					h.File = file
					s.settings[key] = h
				}
			}
		}
	}
}

// readProperties reads key=value lines.
func readProperties(data []byte) settings {
	out := settings{}
	n := 0
	for line := range bytes.Lines(data) {
		n++
		text := strings.TrimSpace(string(line))
		if text == "#---" {
			break
		}
		if text == "" || text[0] == '#' || text[0] == '!' {
			continue
		}
		i := strings.IndexAny(text, "=: \t")
		if i < 0 {
			continue
		}
		out[text[:i]] = ecosystem.Hit{Text: strings.TrimLeft(text[i:], "=: \t"), Line: n}
	}
	return out
}

var yamlKey = pattern.Lazy(`^( *)["']?(%?[\w.-]+)["']?\s*:(?:\s+(.*?))?\s*$`)

// readYAML reads the plain keys of the first document: nested by indentation, as
// people write these files. What it does not understand it leaves out.
func readYAML(data []byte) settings {
	out := settings{}
	var names []string
	var depths []int
	n := 0
	for line := range bytes.Lines(data) {
		n++
		text := strings.TrimRight(string(line), "\r\n")
		if strings.HasPrefix(text, "---") && len(out) > 0 {
			break
		}
		m := yamlKey().FindStringSubmatch(text)
		if m == nil {
			continue
		}
		for len(depths) > 0 && depths[len(depths)-1] >= len(m[1]) {
			names, depths = names[:len(names)-1], depths[:len(depths)-1]
		}
		if len(names) > 20 {
			break
		}
		names, depths = append(names, m[2]), append(depths, len(m[1]))
		value, _, _ := strings.Cut(m[3], " #")
		if value = strings.Trim(strings.TrimSpace(value), `"'`); value != "" && value[0] != '#' {
			out[strings.Join(names, ".")] = ecosystem.Hit{Text: value, Line: n}
		}
	}
	return out
}

var fallback = pattern.Lazy(`^\$\{[^:{}]+:([^{}]*)\}$`)

// get returns a setting; of "${PORT:8080}" it is 8080.
func (t settings) get(name string) ecosystem.Hit {
	h, ok := t[name]
	if !ok {
		return ecosystem.Hit{}
	}
	if m := fallback().FindStringSubmatch(h.Text); m != nil {
		h.Text = m[1]
	}
	if strings.Contains(h.Text, "${") {
		return ecosystem.Hit{}
	}
	return h
}
