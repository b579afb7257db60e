package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

var pnpmVersion = pattern.Lazy(`(?m)^lockfileVersion: ['"]?(\d+)`)

// pnpmLock reads the packages of a pnpm-lock.yaml. pnpm writes one style of YAML, two
// spaces a level, and names packages by keys: /name/1.2.3_peers (format 5),
// /name@1.2.3(peers) (6), name@1.2.3 (9). A package from elsewhere has its name and
// version below its key.
func pnpmLock(data []byte) (out []Package, err error) {
	version := pnpmVersion().FindSubmatch(data)
	if version == nil {
		return nil, errors.New("it states no lockfileVersion")
	}
	five, within := string(version[1]) == "5", false
	var p Package
	add := func() {
		if p.Name != "" && p.Version != "" {
			out = append(out, p)
		}
		p = Package{}
	}
	for line := range strings.Lines(string(data)) {
		text := strings.TrimRight(line, "\r\n")
		body := strings.TrimLeft(text, " ")
		depth := len(text) - len(body)
		switch {
		case body == "" || body[0] == '#':
		case depth == 0:
			add()
			within = body == "packages:"
		case !within:
		case depth == 2:
			add()
			key, _, _ := strings.Cut(body, ": ") // "key: {}" or "key:"
			p = pnpmPackage(unquoted(strings.TrimSuffix(key, ":")), five)
		case depth == 4:
			key, value, _ := strings.Cut(body, ": ")
			switch value = unquoted(value); {
			case p.Type == "":
			case key == "name":
				p.Name = value
			case key == "version":
				p.Version = value
			}
		}
	}
	add()
	return out, nil
}

// pnpmPackage is what a key names; one that lacks a version states it below, and one
// of the repository itself is no package.
func pnpmPackage(key string, five bool) Package {
	own := strings.HasPrefix(key, "file:") || strings.Contains(key, "@file:")
	if own && !strings.HasSuffix(key, "gz") || strings.HasPrefix(key, "link:") || strings.Contains(key, "@link:") {
		return Package{}
	}
	p := Package{Type: NPM}
	key, _, _ = strings.Cut(key, "(")
	rest, registry := strings.CutPrefix(key, "/")
	if five {
		if host, after, _ := strings.Cut(rest, "/"); !registry && strings.HasPrefix(host, "registry.") {
			rest, registry = after, true
		}
		part := strings.Split(rest, "/")
		if strings.HasPrefix(rest, "@") && len(part) > 1 {
			part = append([]string{part[0] + "/" + part[1]}, part[2:]...)
		}
		if registry && len(part) > 1 {
			p.Name = part[0]
			p.Version, _, _ = strings.Cut(part[1], "_")
		}
		return p
	}
	if at := strings.IndexByte(rest[min(1, len(rest)):], '@') + 1; at > 0 {
		p.Name = rest[:at]
		if version := rest[at+1:]; !strings.ContainsAny(version, ":/") { // else an address
			p.Version = version
		}
	}
	return p
}

func unquoted(text string) string { return strings.Trim(strings.TrimSpace(text), `'"`) }

// yarnLock reads the packages of a yarn.lock of Yarn 1, whose entries are named by what
// asks for them, and of later ones, whose entries state what they resolve to.
func yarnLock(data []byte) (out []Package, err error) {
	var p Package
	add := func() {
		if p.Name != "" && p.Version != "" {
			out = append(out, p)
		}
		p = Package{}
	}
	known := len(data) == 0
	for line := range strings.Lines(string(data)) {
		text := strings.TrimRight(line, "\r\n")
		known = known || strings.Contains(text, "yarn lockfile v1") || strings.HasPrefix(text, "__metadata:")
		switch {
		case text == "" || text[0] == '#':
		case text[0] != ' ':
			add()
			entry, _, _ := strings.Cut(unquoted(strings.TrimSuffix(text, ":")), ",")
			p = Package{Type: NPM, Name: yarnName(unquoted(entry))}
		case strings.HasPrefix(text, "  version"):
			p.Version = unquoted(strings.TrimLeft(text[len("  version"):], ": "))
		case strings.HasPrefix(text, "  resolution: "):
			p.Name = yarnName(unquoted(text[len("  resolution: "):]))
		}
	}
	add()
	if !known {
		return nil, errors.New("neither a lock file of Yarn 1 nor of a later one")
	}
	return out, nil
}

// yarnName is the package of name@range, of the repository's own none. In
// alias@npm:name@range the second one is installed.
func yarnName(entry string) string {
	at := strings.IndexByte(entry[min(1, len(entry)):], '@') + 1
	if at < 1 {
		return ""
	}
	name, asked := entry[:at], entry[at+1:]
	for _, own := range []string{"workspace:", "link:", "portal:", "file:./", "file:../"} {
		if strings.HasPrefix(asked, own) {
			return ""
		}
	}
	if other, ok := strings.CutPrefix(asked, "npm:"); ok && len(other) > 1 {
		if end := strings.IndexByte(other[1:], '@'); end >= 0 {
			return other[:end+1]
		}
	}
	return name
}

// bunLock reads the packages of a bun.lock: JSON with commas after the last elements,
// in which each package is a list that starts with name@version.
func bunLock(data []byte) (out []Package, err error) {
	var lock struct {
		Version  *int                       `json:"lockfileVersion"`
		Packages map[string]json.RawMessage `json:"packages"`
	}
	if err := json.Unmarshal(withoutLastCommas(data), &lock); err != nil {
		return nil, err
	}
	if lock.Version == nil {
		return nil, errors.New("it states no lockfileVersion")
	}
	for key, value := range lock.Packages {
		var list []json.RawMessage
		var id string
		if json.Unmarshal(value, &list) != nil || len(list) == 0 || json.Unmarshal(list[0], &id) != nil {
			return nil, fmt.Errorf("the package %q is not a list that starts with its name", key)
		}
		if at := strings.LastIndexByte(id, '@'); at > 0 && !strings.ContainsAny(id[at:], ":/#") {
			out = append(out, Package{Type: NPM, Name: id[:at], Version: id[at+1:]})
		}
	}
	return out, nil
}

// withoutLastCommas removes the commas before the end of a list or object.
func withoutLastCommas(data []byte) []byte {
	out := make([]byte, 0, len(data))
	comma, text := -1, false
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case text && c == '\\' && i+1 < len(data):
			out = append(out, c, data[i+1])
			i++
			continue
		case c == '"':
			text, comma = !text, -1
		case text:
		case c == ',':
			comma = len(out)
		case (c == '}' || c == ']') && comma >= 0:
			out[comma], comma = ' ', -1
		case c > ' ':
			comma = -1
		}
		out = append(out, c)
	}
	return out
}
