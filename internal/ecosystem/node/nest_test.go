package node

import (
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
)

// nestMonorepo are two applications and a library of one package.json.
func nestMonorepo(scripts string, more ...string) map[string]string {
	files := with(`{"name": "shop", "scripts": {`+scripts+`}, "dependencies": {"@nestjs/core": "10.0.0"}, "devDependencies": {"@nestjs/cli": "10.0.0"}}`,
		"package-lock.json="+lockOf(`"dependencies": {"@nestjs/core": "10.0.0"}, "devDependencies": {"@nestjs/cli": "10.0.0"}`),
		`nest-cli.json={"monorepo": true, "root": "apps/api", /* comments are allowed */ "projects": {
			"api": {"type": "application", "root": "apps/api", "compilerOptions": {"tsConfigPath": "apps/api/tsconfig.app.json"}},
			"mail": {"type": "application", "root": "apps/mail", "entryFile": "server"},
			"common": {"type": "library", "root": "libs/common"}}}`,
		`tsconfig.json={"compilerOptions": {"outDir": "dist"}}`,
		`apps/api/tsconfig.app.json={"extends": "../../tsconfig.json", "compilerOptions": {"outDir": "../../dist/apps/api"}}`,
		"apps/api/src/main.ts=NestFactory.create(AppModule); app.listen(3000)",
		"apps/mail/src/server.ts=NestFactory.create(AppModule); app.listen(3100)",
		"libs/common/src/index.ts=export const a = 1")
	for name, text := range with("", more...) {
		if name != "package.json" {
			files[name] = text
		}
	}
	return files
}

func TestNestMonorepo(t *testing.T) {
	for name, c := range map[string]struct {
		files   map[string]string
		command []string
		build   string
		port    int
		code    string
	}{
		"the application of the start script": {nestMonorepo(`"build": "nest build", "start:prod": "node dist/apps/api/main"`), nil, "nest build api", 3000, codeOtherApps + " info"},
		"another by its command":              {nestMonorepo(`"build": "nest build", "start:prod": "node dist/apps/api/main"`), []string{"node", "dist/apps/mail/server.js"}, "nest build mail", 3100, ""},
		"a build of one application":          {nestMonorepo(`"build": "nest build api", "start": "nest start"`), []string{"node", "dist/apps/mail/server.js"}, "nest build mail", 3100, ""},
		"a script for each application":       {nestMonorepo(`"build": "nest build", "build:mail": "nest build mail --webpack"`), []string{"node", "dist/apps/mail/server.js"}, "node --run build:mail", 3100, ""},
		"a build of everything":               {nestMonorepo(`"build": "nest build --all"`), []string{"node", "dist/apps/mail/server.js"}, "node --run build", 3100, ""},
		"no build script":                     {nestMonorepo(`"start": "nest start"`), []string{"node", "dist/apps/api/main.js"}, "nest build api", 3000, ""},
	} {
		fleet := config.Default("f")
		fleet.Services = []config.Service{{Name: "shop", Path: ".", Command: c.command}}
		p, findings := Ecosystem{}.Plan(tree(c.files), fleet.Services[0], fleet)
		if got := strings.Join(codes(findings), ", "); got != c.code {
			t.Errorf("%s: want %q, got %v", name, c.code, findings)
			continue
		}
		if text := shell(p, "builder"); !strings.Contains(text, c.build) {
			t.Errorf("%s: built by %s", name, text)
		}
		if p.Port != c.port {
			t.Errorf("%s: port %d, not %d", name, p.Port, c.port)
		}
	}
}

// TestNestApplicationsNotListed: the finding has the line to write.
func TestNestApplicationsNotListed(t *testing.T) {
	files := nestMonorepo(`"build": "nest build", "start:prod": "node dist/apps/api/main"`)
	fleet := config.Default("f")
	fleet.Services = []config.Service{{Name: "shop", Path: "."}}
	_, findings := Ecosystem{}.Plan(tree(files), fleet.Services[0], fleet)
	want := `add to services: in slipway.yaml: mail: {path: ., command: ["node", "dist/apps/mail/server.js"]}`
	if len(findings) != 1 || findings[0].Hint != want || findings[0].Place != (diag.Place{File: "nest-cli.json"}) {
		t.Errorf("got %+v", findings)
	}
	fleet.Services = append(fleet.Services, config.Service{Name: "mail", Path: ".", Command: []string{"node", "dist/apps/mail/server.js"}})
	if _, findings := (Ecosystem{}).Plan(tree(files), fleet.Services[0], fleet); findings != nil {
		t.Errorf("all are listed: %v", findings)
	}
}

func TestNestPrograms(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"two":                     {nestMonorepo(`"build": "nest build"`), "api: node dist/apps/api/main.js; mail: node dist/apps/mail/server.js"},
		"started by a script":     {nestMonorepo(`"start:mail": "NODE_ENV=production node --enable-source-maps dist/apps/mail/src/server"`), "api: node dist/apps/api/main.js; mail: node dist/apps/mail/src/server"},
		"one":                     {nestMonorepo(`"build": "nest build"`, `nest-cli.json={"projects": {"api": {"type": "application", "root": "apps/api"}, "common": {"type": "library", "root": "libs/common"}}}`), ""},
		"no projects":             {nestMonorepo(`"build": "nest build"`, `nest-cli.json={"sourceRoot": "src"}`), ""},
		"outside":                 {nestMonorepo(`"build": "nest build"`, `nest-cli.json={"projects": {"a": {"root": "../a"}, "b": {"root": "x $(y)"}}}`), ""},
		"no JSON":                 {nestMonorepo(`"build": "nest build"`, `nest-cli.json=projects: {}`), ""},
		"no nest-cli.json at all": {with(`{}`), ""},
	} {
		var got []string
		for _, s := range (Ecosystem{}).Programs(tree(c.files)) {
			got = append(got, s.Name+": "+strings.Join(s.Command, " "))
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestNestTransports: a gateway names gRPC for its clients, and serves HTTP.
func TestNestTransports(t *testing.T) {
	const clients = "ClientsModule.register([{ name: 'A', transport: Transport.GRPC }])"
	for name, c := range map[string]struct{ source, want string }{
		"a gateway":                   {"NestFactory.create(M); app.listen(3001);\n" + clients, "http"},
		"a microservice":              {"NestFactory.createMicroservice(M, { transport: Transport.GRPC, options: { url: '0.0.0.0:50051' } })", "grpc"},
		"a microservice with clients": {"NestFactory.createMicroservice(M, { transport: Transport.GRPC, options: { url: '0.0.0.0:50051' } });\n" + clients, "grpc"},
		"both":                        {"NestFactory.create(M); app.connectMicroservice({ transport: Transport.GRPC }); app.listen(3001)", "http"},
		"its options elsewhere":       {"start(M, { transport: Transport.GRPC, options: { url: '0.0.0.0:50051' } })", "grpc"},
		"a client alone":              {clients, "worker"},
	} {
		s := (Ecosystem{}).inspect(tree(with(`{"main": "server.js"}`, "server.js="+c.source)), config.Service{Name: "a", Path: "a"}, nil)
		if s.Want.Type != c.want {
			t.Errorf("%s: %s, not %s: %v", name, s.Want.Type, c.want, s.Findings)
		}
	}
}
