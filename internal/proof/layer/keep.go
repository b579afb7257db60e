package layer

import (
	"encoding/json"
	"path"
	"strings"
)

// keepsText tells whether the content of a small file is kept: accounts, the
// loader's settings, what tells where packages are, argument files of the JVM.
func keepsText(name string) bool {
	switch name {
	case "etc/passwd", "etc/group", "etc/ld.so.conf":
		return true
	}
	switch base := path.Base(name); {
	case base == "package.json", base == "pyvenv.cfg", base == "release" && !inPackages(name): // the JDK's version
		return true
	case path.Ext(base) == ".pth":
		return inPackages(name)
	case strings.HasPrefix(name, "etc/ld.so.conf.d/"), strings.HasPrefix(name, "etc/ld-musl-"):
		return true
	case strings.HasPrefix(name, "etc/nginx/"):
		return path.Ext(base) == ".conf" || path.Base(path.Dir(name)) == "sites-enabled" || path.Base(path.Dir(name)) == "sites-available"
	case strings.HasSuffix(base, ".argfile"), strings.HasSuffix(base, ".args"):
		return true
	}
	return false
}

// reduced is what is kept of a file.
func reduced(name string, data []byte) string {
	if path.Base(name) == "package.json" {
		return reducedManifest(data)
	}
	if len(data) > 64<<10 {
		data = data[:64<<10]
	}
	return string(data)
}

// reducedManifest keeps of a package.json what resolution reads.
func reducedManifest(data []byte) string {
	var all map[string]json.RawMessage
	if json.Unmarshal(bom(data), &all) != nil {
		return ""
	}
	kept := map[string]json.RawMessage{}
	for _, key := range []string{"name", "main", "type", "exports", "imports"} {
		if v, ok := all[key]; ok {
			kept[key] = v
		}
	}
	identity(all, kept)
	text, err := json.Marshal(kept)
	if err != nil {
		return ""
	}
	return string(text)
}

// bom cuts the byte-order mark of UTF-8.
func bom(data []byte) []byte {
	if len(data) >= 3 && data[0] == 0xEF && data[1] == 0xBB && data[2] == 0xBF {
		return data[3:]
	}
	return data
}
