package java

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// Evidence of what a program asks the machine for.
var (
	// opens is the text before a string that a call opens, of the standard library,
	// Kotlin's, and frameworks.
	opens = ecosystem.NewSign(`(?:\bnew (?:File(?:InputStream|Reader|SystemResource)?|RandomAccessFile|PathResource|ZipFile|JarFile|UrlResource)|\bPaths?\.(?:of|get)|\bFiles\.\w+|\bgetFile|\bFile|\bPath|\bImageIO\.read|\bStaticHandler\.create|\bexternalStaticFileLocation|\bexternalLocation|\baddResourceLocations|\bstaticFiles\.add|\bstaticFiles|\bsendFile|\bserveFile|\bDotenv\.configure\(\)\.directory|\bnewFileSystem|\buseTransportSecurity|\bcertificatePath|\bkeyStorePath)\([^;{}]*$`)

	readsVariable = ecosystem.NewSign(`(?m)(?:^|[^(\w.])System\.getenv\(\s*"(\w+)"\s*\)(?:!!)?\s*(?:[;,.)]|$)`)
	startsProgram = ecosystem.NewSign(`\bProcessBuilder\(\s*(?:(?:List|Arrays|listOf)\.?(?:of|asList)?\(\s*)?"([^"\n]+)"|\.exec\(\s*(?:new String\[\]\s*\{\s*)?"([^"\n]+)"`)

	healthManager = ecosystem.NewSign(`\bHealthStatusManager\b()`)
	healthStatus  = ecosystem.NewSign(`\.(?:setStatus|clearStatus)\(\s*"([\w.]+)"`)
	healthAll     = ecosystem.NewSign(`(?:\bSERVICE_NAME_ALL_SERVICES\b|\.setStatus\(\s*"")()`)
	serverTLS     = ecosystem.NewSign(`\bTlsServerCredentials\.|\.useTransportSecurity\(|\bGrpcSslContexts\.(?:forServer|configure)\(|\bHttpsServer\.create\(`)
	plaintextToo  = ecosystem.NewSign(`\bInsecureServerCredentials\.|\bHttpServer\.create\(`)
)

// namer prepares the search for files that the program opens by name: beside the
// module's build file, and at the root of the build. The program finds them from
// its working directory. What lies in resources is part of the jar.
func (s *service) namer() *ecosystem.Namer {
	n := &ecosystem.Namer{Service: &s.Service, Syntax: ecosystem.JavaSyntax, Opens: opens, Source: isBuildInput}
	for _, dir := range slices.Compact([]string{s.at, "."}) {
		n.Roots = append(n.Roots, ecosystem.Root{Dir: dir, To: ecosystem.WorkDir})
	}
	return n
}

// isBuildInput reports what a program is built from.
func isBuildInput(name string) bool {
	parts := strings.Split(name, "/")
	if slices.ContainsFunc(parts[:len(parts)-1], func(p string) bool {
		return slices.Contains([]string{"src", "target", "build", "buildSrc", "gradle", ".mvn"}, p)
	}) {
		return true
	}
	base := parts[len(parts)-1]
	return slices.Contains([]string{"pom.xml", "build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts", "gradle.properties", "gradlew", "gradlew.bat", "mvnw", "mvnw.cmd", "lombok.config"}, base) ||
		slices.Contains([]string{".java", ".kt", ".kts", ".scala", ".groovy", ".class"}, path.Ext(base))
}

// asks takes from a source what the program asks the machine for.
func (s *service) asks(n *ecosystem.Namer, name string, data []byte) {
	n.Look(name, data)
	s.ScanUses(name, data, ecosystem.UseSigns{Reads: []ecosystem.Pattern{readsVariable}, Calls: []ecosystem.Pattern{startsProgram}})
	s.asksForSettings(name, data)
	s.connectsTo(name, data)
	e := &s.scan.evidence
	e.HealthServer.Seek(healthManager, name, data)
	e.HealthWhole.Seek(healthAll, name, data)
	e.HealthName.Seek(healthStatus, name, data)
	e.TLS.Seek(serverTLS, name, data)
	s.scan.insecure.Seek(plaintextToo, name, data)
}

// runtimeFiles finds what production holds beside the program: what sources,
// settings and the start command name.
func (s *service) runtimeFiles(n *ecosystem.Namer) {
	for _, key := range sortedKeys(s.settings) {
		h := s.settings[key]
		for word := range strings.FieldsFuncSeq(h.Text, func(r rune) bool { return r == ',' || r == ';' }) {
			word = strings.TrimPrefix(strings.TrimSpace(word), "optional:")
			if rest, ok := strings.CutPrefix(word, "file:"); ok {
				n.Add(rest, h)
			}
		}
	}
	if manifest := (ecosystem.Hit{File: s.manifest()}); ecosystem.IsDir(s.Dir, path.Join(s.at, "config")) && s.boots() {
		manifest.Why = "Spring Boot reads config/ of the working directory"
		n.Add("config/", manifest)
	}
	if file := s.dropwizard.file; file != "" {
		n.Add(file, ecosystem.Hit{File: path.Join(s.at, file), Line: 1, Why: "Dropwizard starts with it"})
	}
	for i, word := range s.Want.Command {
		if i > 0 && slices.Contains([]string{"-cp", "-classpath", "--class-path", "-jar"}, s.Want.Command[i-1]) {
			continue // what the build made
		}
		for _, part := range strings.FieldsFunc(word, func(r rune) bool { return strings.ContainsRune("=:,", r) }) {
			if strings.Contains(part, "/") || path.Ext(part) != "" {
				n.Add(part, ecosystem.Hit{})
			}
		}
	}
	s.settingsNeed()
	s.held = n.Files()
	if s.scan.insecure.Found() {
		s.scan.evidence.TLS = ecosystem.Hit{} // a port speaks plainly
	}
	for _, key := range []string{"server.ssl.key-store", "server.ssl.certificate", "server.ssl.bundle", "quarkus.http.ssl.certificate.files", "quarkus.http.ssl.certificate.key-store-file"} {
		if h := s.settings.get(key); h.Found() {
			s.scan.evidence.TLS.Keep(h)
		}
	}
}

func sortedKeys(all settings) []string {
	var out []string
	for k := range all {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// resourceKeys are the key stores and private keys that may become part of the
// jar. Those that settings of any profile name are noted; the sources are yet to
// be looked at.
func (s *service) resourceKeys() ecosystem.Keys {
	dir := path.Join(s.at, "src/main/resources")
	keys := ecosystem.KeysBelow(s.Dir, dir)
	if len(keys) == 0 {
		return nil
	}
	for _, at := range []string{dir, path.Join(dir, "config")} {
		entries, _ := fs.ReadDir(s.Dir, at)
		for _, e := range entries {
			if !slices.Contains([]string{".properties", ".yml", ".yaml", ".xml", ".conf"}, path.Ext(e.Name())) {
				continue
			}
			if data, err := ecosystem.Read(s.Dir, path.Join(at, e.Name())); err == nil {
				keys.Look(&s.Service, path.Join(at, e.Name()), data)
			}
		}
	}
	return keys
}
