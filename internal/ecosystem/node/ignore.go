package node

import "github.com/slipway-build/slipway/internal/ecosystem"

// supplied are the patterns for services without a .dockerignore: what the
// machine or a build made, what tells secrets, what only people read. Stale
// tsbuildinfo files would make tsc write nothing.
func (s *service) supplied() []string {
	out := []string{
		".git", "**/node_modules", "**/.DS_Store", "**/*.log", "**/*.tsbuildinfo",
		".env", ".env.*", "coverage", ".nyc_output", ".idea", ".vscode",
		"Dockerfile*", "docker-compose*", ".dockerignore",
	}
	if s.outDir != "" {
		out = append(out, s.outDir)
	}
	if s.codegen.out != "" {
		out = append(out, s.codegen.out)
	}
	return out
}

// needed are files without which the build fails.
func (s *service) needed() []string {
	out := []string{"package.json", "package-lock.json"}
	if ecosystem.Exists(s.Dir, "tsconfig.json") && s.build != "" {
		out = append(out, "tsconfig.json")
	}
	for _, dir := range []string{"src", ecosystem.ProtoDir(s.Dir)} {
		if dir != "" && ecosystem.IsDir(s.Dir, dir) {
			out = append(out, dir)
		}
	}
	return out
}
