package layer

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// Limits of package databases: a full Debian has a status file of 2 MB, a package of
// Python with ten thousand files a RECORD of 1 MB.
const (
	maxDatabase  = 16 << 20
	maxCopyright = 512 << 10
	maxArtifacts = 5000
)

// Artifact is a package of Maven that an archive says it is or holds.
type Artifact struct {
	Group   string   `json:"group,omitempty"`
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Licence string   `json:"licence,omitempty"`
	Inner   string   `json:"inner,omitempty"`  // path of the jar within the archive
	SHA256  string   `json:"sha256,omitempty"` // of the inner jar, hex
	From    Evidence `json:"from,omitempty"`
}

// Evidence is what names an artifact.
type Evidence uint8

// The kinds of evidence, the surest first.
const (
	FromPOM Evidence = iota
	FromManifest
	FromName
)

// databaseLimit is how many bytes of a package manager's record are read; 0 for what
// is none.
func databaseLimit(name string) int64 {
	switch dir, base := path.Split(name); {
	case name == "var/lib/dpkg/status", dir == "var/lib/dpkg/status.d/", dir == "var/lib/dpkg/info/" && strings.HasSuffix(base, ".list"):
		return maxDatabase
	case apkDatabase(name):
		return maxDatabase
	case strings.HasPrefix(dir, "usr/share/doc/") && base == "copyright":
		return maxCopyright
	case strings.HasSuffix(dir, ".dist-info/") && (base == "METADATA" || base == "RECORD"):
		return maxDatabase
	case strings.HasSuffix(dir, ".egg-info/") && base == "PKG-INFO", strings.HasSuffix(base, ".egg-info"):
		return maxDatabase
	case name == "etc/os-release", name == "usr/lib/os-release":
		return maxCopyright
	}
	return 0
}

// reducedDatabase keeps of a package manager's record what names packages, their
// files and licences.
func reducedDatabase(name string, data []byte) string {
	switch base := path.Base(name); {
	case apkDatabase(name):
		return apkFields(data)
	case base == "copyright":
		return strings.Join(copyrightLicences(data), "\n")
	case base == "RECORD":
		return recordPaths(data)
	case base == "METADATA", base == "PKG-INFO", strings.HasSuffix(base, ".egg-info"):
		head, _, _ := bytes.Cut(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), []byte("\n\n"))
		return fields(head, "Name", "Version", "License", "License-Expression", "Classifier")
	case strings.HasSuffix(base, ".md5sums") && strings.HasPrefix(name, "var/lib/dpkg/status.d/"):
		return sumPaths(data)
	case strings.HasPrefix(name, "var/lib/dpkg/status"):
		return fields(data, "Package", "Version", "Source", "Architecture", "Status")
	}
	return string(data)
}

// apkDatabase tells whether a file is the record of Alpine's package manager.
func apkDatabase(name string) bool {
	return name == "lib/apk/db/installed" || name == "usr/lib/apk/db/installed"
}

// apkFields keeps of apk's record names, versions, architectures, licences, origins,
// directories and files (wiki.alpinelinux.org, "Apk spec").
func apkFields(data []byte) string {
	var out strings.Builder
	for line := range bytes.Lines(data) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 || len(line) > 1 && line[1] == ':' && bytes.IndexByte([]byte("PVALoFR"), line[0]) >= 0 {
			out.Write(append(line, '\n'))
		}
	}
	return out.String()
}

// fields keeps the named fields of paragraphs in Debian's format (deb822(5)), and the
// empty lines between paragraphs.
func fields(data []byte, names ...string) string {
	var out strings.Builder
	for line := range bytes.Lines(data) {
		name, _, ok := bytes.Cut(line, []byte(":"))
		switch {
		case len(bytes.TrimSpace(line)) == 0:
			out.WriteByte('\n')
		case line[0] == ' ' || line[0] == '\t' || !ok:
		case slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, string(name)) }):
			out.Write(bytes.TrimRight(line, "\r\n"))
			out.WriteByte('\n')
		}
	}
	return out.String()
}

// recordPaths keeps the first column of a RECORD, which is CSV (PyPA, "Recording
// installed projects").
func recordPaths(data []byte) string {
	var out strings.Builder
	for line := range bytes.Lines(data) {
		name, _, _ := strings.Cut(strings.TrimSpace(string(line)), ",")
		if quoted, ok := strings.CutPrefix(strings.TrimSpace(string(line)), `"`); ok {
			name, _, _ = strings.Cut(quoted, `"`)
		}
		if name != "" {
			out.WriteString(name + "\n")
		}
	}
	return out.String()
}

// sumPaths keeps the paths of a file in the format of md5sum(1).
func sumPaths(data []byte) string {
	var out strings.Builder
	for line := range bytes.Lines(data) {
		if _, name, ok := strings.Cut(strings.TrimRight(string(line), "\r\n"), "  "); ok {
			out.WriteString(name + "\n")
		}
	}
	return out.String()
}

var commonLicence = pattern.Lazy(`/usr/share/common-licenses/([A-Za-z0-9.+-]*[A-Za-z0-9+])`)

// copyrightLicences are the licences that a copyright file names: its License fields
// (DEP 5), else the common licences that its text refers to.
func copyrightLicences(data []byte) []string {
	var out []string
	for line := range bytes.Lines(data) {
		if name, value, ok := strings.Cut(string(line), ":"); ok && strings.EqualFold(name, "License") {
			if value = strings.TrimSpace(value); value != "" && len(value) < 200 {
				out = append(out, value)
			}
		}
	}
	if len(out) == 0 {
		out = matches(commonLicence(), data)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func matches(p *regexp.Regexp, data []byte) (out []string) {
	for _, m := range p.FindAllSubmatch(data, -1) {
		out = append(out, string(m[1]))
	}
	return out
}

// artifacts lists the packages of Maven that an archive holds: by the records that
// Maven writes, else by its manifest, else by its name.
func artifacts(z *zip.Reader, name string, depth int) []Artifact {
	var out []Artifact
	var head map[string]string
	for _, f := range z.File {
		switch {
		case strings.HasPrefix(f.Name, "META-INF/maven/") && path.Base(f.Name) == "pom.properties":
			p := properties(unzip(f, maxManifest))
			if p["artifactId"] != "" && p["version"] != "" {
				out = append(out, Artifact{Group: p["groupId"], Name: p["artifactId"], Version: p["version"]})
			}
		case f.Name == "META-INF/MANIFEST.MF":
			head = manifestFields(unzip(f, maxManifest))
		}
	}
	if len(out) == 0 {
		if a := named(head, path.Base(name)); a.Name != "" {
			out = append(out, a)
		}
	}
	for i := range out {
		if len(out) == 1 {
			out[i].Licence = plainLicence(head["bundle-license"])
		}
	}
	if depth > 0 {
		out = append(out, innerArtifacts(z, depth)...)
	}
	return out[:min(len(out), maxArtifacts)]
}

// innerArtifacts are those of the jars within an archive.
func innerArtifacts(z *zip.Reader, depth int) (out []Artifact) {
	left := int64(maxJar)
	for _, f := range z.File {
		if !isJar(f.Name) || f.UncompressedSize64 > uint64(left) {
			continue
		}
		data := unzip(f, left)
		left -= int64(len(data))
		inner, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil || len(inner.File) > maxJarEntries {
			continue
		}
		sum := sumOf(data)
		for _, a := range artifacts(inner, f.Name, depth-1) {
			if a.Inner == "" {
				a.SHA256 = sum
			}
			a.Inner = strings.TrimSuffix(f.Name+"!/"+a.Inner, "!/")
			out = append(out, a)
		}
	}
	return out
}

var jarName = pattern.Lazy(`^(.+?)-(\d[A-Za-z0-9._+-]*)$`)

// named is an artifact by the manifest, or by the name of its file.
func named(head map[string]string, base string) Artifact {
	stem := strings.TrimSuffix(base, path.Ext(base))
	byName := jarName().FindStringSubmatch(stem)
	version := first(head["implementation-version"], head["bundle-version"], head["specification-version"])
	if byName != nil {
		a := Artifact{Name: byName[1], Version: byName[2], From: FromName}
		if version != "" {
			a.From = FromManifest
		}
		a.Group = groupOf(head, byName[1], byName[2])
		return a
	}
	if version == "" || head["start-class"] != "" { // the service's own archive
		return Artifact{}
	}
	return Artifact{Group: groupOf(head, stem, version), Name: stem, Version: version, From: FromManifest}
}

func first(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

// plainLicence is a licence of a manifest without its parameters, "" for long texts.
func plainLicence(text string) string {
	text, _, _ = strings.Cut(text, ";")
	if text = strings.Trim(strings.TrimSpace(text), `"`); len(text) > 120 {
		return ""
	}
	return text
}

// properties reads key=value lines.
func properties(data []byte) map[string]string {
	out := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		key, value, ok := strings.Cut(lines.Text(), "=")
		if key = strings.TrimSpace(key); ok && !strings.HasPrefix(key, "#") {
			out[key] = strings.TrimSpace(value)
		}
	}
	return out
}

// manifestFields are those of the main section, by their names in lower case.
func manifestFields(data []byte) map[string]string {
	out := map[string]string{}
	text := strings.NewReplacer("\r\n ", "", "\n ", "", "\r\n", "\n").Replace(string(data))
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		out[strings.ToLower(name)] = strings.TrimSpace(value)
	}
	return out
}

// identity keeps of a package.json what names its package.
func identity(all, kept map[string]json.RawMessage) {
	for _, key := range []string{"version", "license", "licenses", "private"} {
		if v, ok := all[key]; ok && len(v) < 1000 {
			kept[key] = v
		}
	}
}
