package rust

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// opens is the text before a string that a call opens, of the standard library
// and of web frameworks.
var opens = ecosystem.NewSign(`(?:\bFile::open|\bfs::(?:read\w*|metadata|canonicalize|copy|File::open)|\bOpenOptions::\w+|\bPath(?:Buf)?::(?:new|from)|\bServeDir::new|\bServeFile::new|\bFiles::new|\bNamedFile::open\w*|\bfs::(?:dir|file)|\bFileServer::\w+|\bTera::new|\bTera::parse|\bpath_loader|\bregister_templates?_dir\w*|\bStaticFiles::\w+|\bStaticDir::new|\bFile::(?:with_name|from)|\bToml::file|\bYaml::file|\bJson::file|\bfrom_filename|\bfrom_path|\bfrom_pem_file|\bfrom_pem|\bset_certificate_\w*file|\bset_private_key_file|\.cert_path|\.key_path|\brelative!)\([^;{}]*$`)

// besideManifest is the text before a string that is joined to the directory of
// the manifest, as it was when the program was compiled.
var besideManifest = ecosystem.NewSign(`(?:CARGO_MANIFEST_DIR"\s*\)+\s*(?:,|\.\s*join\()\s*|\brelative!\(\s*)$`)

// newNamer prepares the search for files that the program opens by name. They are
// looked up in the package and in the workspace, and the program finds them from
// its working directory; those that are joined to CARGO_MANIFEST_DIR, where the
// build had them.
func (s *service) newNamer() {
	s.namer = &ecosystem.Namer{
		Service: &s.Service, Syntax: ecosystem.RustSyntax, Opens: opens,
		Source: isBuildInput, Embedded: func(at string) bool { return isBelow(s.inputs, at) },
		Own: func(_, before string) (ecosystem.Root, bool) {
			if !besideManifest.Match([]byte(before)) || strings.Contains(before[max(0, len(before)-80):], "include") {
				return ecosystem.Root{}, false
			}
			return ecosystem.Root{Dir: s.crate.dir, To: path.Join(srcDir, s.crate.dir)}, true
		},
	}
	for _, dir := range []string{s.crate.dir, s.top} {
		if !slices.ContainsFunc(s.namer.Roots, func(r ecosystem.Root) bool { return r.Dir == dir }) {
			s.namer.Roots = append(s.namer.Roots, ecosystem.Root{Dir: dir, To: ecosystem.WorkDir})
		}
	}
}

// isBuildInput reports what a program is compiled from.
func isBuildInput(name string) bool {
	base := path.Base(name)
	return slices.Contains([]string{"Cargo.toml", "Cargo.lock", "rust-toolchain", "rust-toolchain.toml", "build.rs"}, base) ||
		path.Ext(base) == ".rs" || strings.Contains("/"+name, "/.cargo/") || strings.HasPrefix(name, "target/") || strings.Contains(name, "/target/")
}

// runtimeFiles finds what production holds beside the program.
func (s *service) runtimeFiles() {
	for _, name := range s.files { // Rocket reads them without a name in the sources
		s.namer.Add(name, s.evidence.HTTP)
	}
	s.held = s.namer.Files()
	s.installed = ecosystem.Installed(s.bin.Name, s.held)
	if hit := s.ReadSettings(s.held); hit.Found() && !s.strongPort {
		s.evidence.Port = hit
	}
}
