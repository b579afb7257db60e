package node

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// command is what production starts, and its environment.
func command(p plan.Service) (argv, env []string) {
	for _, step := range stage(p, plan.StageProduction).Steps {
		switch step.Op {
		case plan.OpCmd:
			argv = step.Args
		case plan.OpEnv:
			env = step.Args
		}
	}
	return argv, env
}

// codes are the findings by code, with their severity for a letter.
func codes(findings diag.Findings) []string {
	var out []string
	for _, f := range findings {
		out = append(out, f.Code+" "+f.Severity.String())
	}
	slices.Sort(out)
	return out
}

// TestStartsOfDevelopers: what a start script does besides starting is taken
// away, or said.
func TestStartsOfDevelopers(t *testing.T) {
	const pm2 = `ecosystem.config.json={"apps": [{"name": "app", "script": "src/index.js", "instances": 2, "node_args": "--enable-source-maps", "args": ["--verbose"], "env": {"MODE": "x", "N": 1}}]}`
	for name, c := range map[string]struct {
		files map[string]string
		want  string
		code  string
	}{
		"a file of variables":               {with(`{"scripts": {"start": "node --env-file=.env server.js"}}`, "server.js", ".env"), "node server.js", codeEnvFile + " warning"},
		"a file of variables, in two words": {with(`{"scripts": {"start": "node --env-file .env.production --inspect server.js"}}`, "server.js", ".env.production"), "node --inspect server.js", codeEnvFile + " warning"},
		"a missing file of variables":       {with(`{"scripts": {"start": "node --env-file=.env server.js"}}`, "server.js"), "node server.js", codeEnvFile + " warning"},
		"a file of variables that ships":    {with(`{"scripts": {"start": "node --env-file=config/app.vars server.js"}}`, "server.js", "config/app.vars"), "node --env-file=config/app.vars server.js", ""},
		"if it exists":                      {with(`{"scripts": {"start": "node --env-file-if-exists=.env server.js"}}`, "server.js"), "node --env-file-if-exists=.env server.js", ""},
		"a Procfile with arguments":         {with(`{"scripts": {"start": "node server.js"}}`, "server.js", "Procfile=worker: yarn start --services=web,jobs\n"), "node server.js --services=web,jobs", ""},
		"a Procfile with npm's arguments":   {with(`{"scripts": {"start": "npm run serve -- --a", "serve": "node server.js"}}`, "server.js", "Procfile=worker: npm start -- --b=1\n"), "node server.js --a --b=1", ""},
		"arguments of a script":             {with(`{"scripts": {"start": "pnpm run serve --port 80", "serve": "NODE_ENV=production node server.js"}}`, "server.js"), "node server.js --port 80", ""},
		"a start in another directory":      {with(`{"scripts": {"start": "npm --prefix api start"}}`, "server.js"), "", codeStartShell + " error"},
		"an option of npm":                  {with(`{"scripts": {"start": "npm run serve --silent", "serve": "node server.js"}}`, "server.js"), "", codeStartShell + " error"},
		"cross-env":                         {with(`{"scripts": {"start": "cross-env NODE_ENV=production node server.js"}}`, "server.js"), "node server.js", ""},
		"the build again":                   {with(`{"scripts": {"build": "tsc", "start": "npm run build && node dist/server.js"}}`, "src/server.ts", outSrc), "node dist/server.js", ""},
		"a build in the start":              {with(`{"scripts": {"start": "rimraf dist && tsc && node dist/server.js"}}`, "src/server.ts", outSrc), "node dist/server.js", ""},
		"a build before the start":          {with(`{"scripts": {"prestart:prod": "tsc", "start:prod": "node dist/server.js", "start": "node index.js"}}`, "src/server.ts", "index.js", outSrc), "node dist/server.js", ""},
		"migrations before the start":       {with(`{"scripts": {"prestart": "knex migrate:latest", "start": "node server.js"}}`, "server.js"), "node server.js", codePrestart + " warning"},
		"one Nx project":                    {with(`{"scripts": {"build": "nx build", "start": "nx serve"}}`, "src/main.ts", "nx.json={}", `project.json={"targets": {"build": {"options": {"outputPath": "dist/api", "main": "src/main.ts"}}}}`), "node dist/api/main.js", ""},
		"env-cmd":                           {with(`{"scripts": {"start": "env-cmd -f .env node server.js"}}`, "server.js"), "node server.js", codeEnvFile + " warning"},
		"dotenv":                            {with(`{"scripts": {"start": "dotenv -e .env -- node server.js"}}`, "server.js"), "node server.js", codeEnvFile + " warning"},
		"PM2 with JSON":                     {with(`{"scripts": {"start": "cross-env NODE_ENV=production pm2 start ecosystem.config.json --no-daemon"}}`, "src/index.js", pm2), "node --enable-source-maps src/index.js --verbose", codeProcessManager + " info"},
		"PM2 with a program":                {with(`{"scripts": {"start": "pm2-runtime ecosystem.config.js"}}`, "server.js", "ecosystem.config.js=module.exports = {apps: [{name: 'a', script: './server.js', instances: 'max'}]}"), "node server.js", codeProcessManager + " info"},
		"PM2 with a file":                   {with(`{"scripts": {"start": "pm2-runtime start server.js"}}`, "server.js"), "node server.js", codeProcessManager + " info"},
		"PM2 with two programs":             {with(`{"scripts": {"start": "pm2-runtime ecosystem.config.js"}}`, "server.js", "ecosystem.config.js=apps: [{script: 'a.js'}, {script: 'b.js'}]"), "", codeStartShell + " error"},
		"PM2 without a configuration":       {with(`{"scripts": {"start": "pm2-runtime gone.config.js"}}`, "server.js"), "", codeStartShell + " error"},
		"tsx of production":                 {with(`{"scripts": {"start": "tsx server.ts"}, "dependencies": {"tsx": "4"}}`, "package-lock.json="+lockOf(`"dependencies": {"tsx": "4"}`), "server.ts"), "node --import tsx server.ts", ""},
		"a preload that exists":             {with(`{"scripts": {"start": "node -r ./tracing.js server.js"}}`, "server.js", "tracing.js"), "node -r ./tracing.js server.js", ""},
		"a preload that does not":           {with(`{"scripts": {"start": "node -r ./tracing.js server.js"}}`, "server.js"), "", codeStartFlag + " error"},
		"a preload of a package":            {with(`{"scripts": {"start": "node --import=@sentry/node server.js"}}`, "server.js"), "node --import=@sentry/node server.js", ""},
		"what a build makes":                {with(`{"scripts": {"build": "node make.js", "start": "node out/server.js"}}`, "make.js"), "node out/server.js", ""},
		"what no build makes":               {with(`{"scripts": {"start": "node out/server.js"}}`, "make.js"), "", codeNoStart + " error"},
		"a build by another name":           {with(`{"scripts": {"build:prod": "node make.js", "start": "node out/server.js"}}`, "make.js"), "node out/server.js", ""},
		"compile":                           {with(`{"scripts": {"compile": "tsc", "serve": "node dist/server.js", "start": "npm run serve"}}`, "src/server.ts", outSrc), "node dist/server.js", ""},
		"a script of a front end":           {with(`{"scripts": {"build:prod": "tsc", "start": "node server.js"}}`, "server.js", "src/client.ts", outSrc), "node server.js", ""},
		"a client of Prisma, and no build":  {with(`{"scripts": {"postinstall": "npx prisma generate", "start": "node dist/server.js"}}`, "prisma/schema.prisma", "src/server.js"), "", codeNoStart + " error"},
		"beside the compiler's output":      {with(`{"scripts": {"build": "tsc", "start": "node build/server.js"}}`, "src/server.ts", outSrc), "", codeNoStart + " error"},
		"of no source":                      {with(`{"scripts": {"build": "tsc", "start": "node dist/main.js"}}`, "src/server.ts", outSrc), "", codeNoStart + " error"},
		"a directory of a source":           {with(`{"scripts": {"build": "tsc", "start": "node dist"}}`, "src/index.ts", outSrc), "node dist", ""},
		"an excluded start":                 {with(`{"scripts": {"start": "node server.js"}}`, "server.js", ".dockerignore=server.js\n"), "", "SLP208 error"},
	} {
		p, findings := Ecosystem{}.Plan(tree(c.files), config.Service{Name: "a", Path: "a", Type: "worker"}, nil)
		got := strings.Join(codes(findings), ", ")
		if got != c.code {
			t.Errorf("%s: want %q, got %v", name, c.code, findings)
			continue
		}
		if c.want == "" {
			if findings[0].Hint == "" || findings[0].Place.File == "" {
				t.Errorf("%s: without hint or place: %+v", name, findings[0])
			}
			continue
		}
		if argv, _ := command(p); strings.Join(argv, " ") != c.want {
			t.Errorf("%s: starts %q, not %q", name, strings.Join(argv, " "), c.want)
		}
	}
}

// TestTheProgramIsToldItsPort: PORT goes to a program that asks for it, another
// variable where slipway.yaml differs from its default.
func TestTheProgramIsToldItsPort(t *testing.T) {
	const server = "const http = require('http');\n"
	for name, c := range map[string]struct {
		source string
		want   int // port: of slipway.yaml
		port   int
		env    string
		code   string
	}{
		"asked for, without a default":    {server + "http.createServer().listen(process.env.PORT)", 0, 3000, "PORT=3000", codeDefaultPort + " info"},
		"asked for, and written":          {server + "http.createServer().listen(process.env.PORT)", 7000, 7000, "PORT=7000", ""},
		"with a default":                  {server + "http.createServer().listen(process.env.PORT || 8081)", 0, 8081, "PORT=8081", ""},
		"a number of a default":           {server + "http.createServer().listen(Number(process.env.PORT) || 8082)", 0, 8082, "PORT=8082", ""},
		"in brackets":                     {server + "http.createServer().listen(process.env['PORT'] ?? 8083)", 0, 8083, "PORT=8083", ""},
		"unpacked with a default":         {server + "const { PORT = 8084, HOST } = process.env; http.createServer().listen(PORT)", 0, 8084, "PORT=8084", ""},
		"a schema":                        {server + "http.createServer(); const s = Joi.object({ PORT: Joi.number().default(8085) })", 0, 8085, "PORT=8085", ""},
		"a configuration service":         {"NestFactory.create<NestExpressApplication>(M); app.listen(config.get<number>('PORT', 8086))", 0, 8086, "PORT=8086", ""},
		"one of a list":                   {server + "const port = [args.port, process.env.PORT, 8092].find(Boolean); http.createServer().listen(port)", 0, 8092, "PORT=8092", ""},
		"with the base of a number":       {server + "http.createServer().listen(parseInt(process.env.PORT, 10))", 0, 3000, "PORT=3000", codeDefaultPort + " info"},
		"written where it listens":        {server + "http.createServer().listen(8087)", 0, 8087, "", ""},
		"another variable, its default":   {server + "http.createServer().listen(process.env.HTTP_PORT || 8088)", 0, 8088, "", ""},
		"another variable, and written":   {server + "http.createServer().listen(process.env.HTTP_PORT || 8088)", 9000, 9000, "HTTP_PORT=9000", ""},
		"gRPC without a default":          {"s.bindAsync(`[::]:${process.env.PORT}`)", 0, 50051, "PORT=50051", codeDefaultPort + " info"},
		"gRPC beside HTTP of PORT":        {"s.bindAsync('0.0.0.0:50052'); app.listen(process.env.PORT || 8089)", 50052, 50052, "", ""},
		"no sign of a port":               {server + "http.createServer().listen(require('./settings').where)", 0, 0, "", "SLP209 error"},
		"an example of its variables":     {server + "http.createServer().listen(require('./settings').where) // .env", -1, 8090, "", ""},
		"a generic server of a framework": {"export const app = fastify<Server>({}); app.listen({ port: 8091, host })", 0, 8091, "", ""},
	} {
		files := with(`{"main": "server.js"}`, "server.js="+c.source)
		// Settings of tools are no evidence.
		files["config/playwright.config.js"] = "const port = 30001; module.exports = { webServer: { port: 30001 } }"
		files["vite.config.ts"] = "export default { server: { port: 5173 } }"
		if c.want < 0 {
			files[".env.example"], c.want = "# ours\nPORT=8090\n", 0
		}
		p, findings := Ecosystem{}.Plan(tree(files), config.Service{Name: "a", Path: "a", Port: c.want}, nil)
		if got := strings.Join(codes(findings), ", "); got != c.code {
			t.Errorf("%s: want %q, got %v", name, c.code, findings)
			continue
		}
		if strings.HasSuffix(c.code, "error") {
			continue
		}
		_, env := command(p)
		env = slices.DeleteFunc(env, func(e string) bool { return e == "NODE_ENV=production" })
		if p.Port != c.port || strings.Join(env, " ") != c.env {
			t.Errorf("%s: port %d with %v, not %d with %q", name, p.Port, env, c.port, c.env)
		}
	}
}

// TestShellCalls: a program that starts a shell is told so, at the line.
func TestShellCalls(t *testing.T) {
	for name, c := range map[string]struct {
		source string
		line   int
		calls  []string
	}{
		"execSync, unpacked":       {"const { execSync } = require('child_process');\nexecSync('pg_dump -a')", 2, []string{"pg_dump", "sh"}},
		"exec by another name":     {"import { exec as run } from 'node:child_process';\n\nrun(`git log`)", 3, []string{"git", "sh"}},
		"exec of the module":       {"const cp = require('node:child_process');\ncp.exec(command)", 2, []string{"sh"}},
		"a namespace":              {"import * as child from 'child_process';\nchild.execSync('ls')", 2, []string{"ls", "sh"}},
		"at once":                  {"require('child_process').execSync('ls -l')", 1, []string{"ls", "sh"}},
		"promisified":              {"import { exec } from 'child_process';\nconst run = promisify(exec)", 2, []string{"sh"}},
		"spawn with a shell":       {"const { spawn } = require('child_process');\nspawn('convert a b', { shell: true })", 2, []string{"convert", "sh"}},
		"spawn":                    {"const { spawnSync } = require('child_process');\nspawnSync('ffmpeg', ['-version'])", 0, []string{"ffmpeg"}},
		"exec of an expression":    {"const { spawn } = require('child_process');\n/a/.exec('b'); re.exec(text)", 0, nil},
		"exec of a database":       {"db.exec('CREATE TABLE a (b)')", 0, nil},
		"execFile":                 {"const { execFile } = require('child_process');\nexecFile('./bin/tool')", 0, nil},
		"what only the build runs": {"", 0, nil},
	} {
		files := with(`{"main": "server.js", "bin": {"tool": "bin/tool.js"}, "scripts": {"seed": "node seed.js"}}`, "server.js="+c.source, "bin/tool.js=require('child_process').execSync('ls')", "seed.js=require('child_process').execSync('ls')")
		p, findings := Ecosystem{}.Plan(tree(files), config.Service{Name: "a", Path: "a", Type: "worker"}, nil)
		var calls []string
		for _, u := range p.Calls {
			calls = append(calls, u.Name)
		}
		if diff := cmp.Diff(c.calls, calls); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if c.line == 0 {
			if findings != nil {
				t.Errorf("%s: %v", name, findings)
			}
			continue
		}
		if len(findings) != 1 || findings[0].Code != codeShellCall || findings[0].Place != (diag.Place{File: "a/server.js", Line: c.line}) || !strings.Contains(findings[0].Hint, "shell: true") {
			t.Errorf("%s: %v", name, findings)
		}
		if _, findings := (Ecosystem{}).Plan(tree(files), config.Service{Name: "a", Path: "a", Type: "worker", Shell: true}, nil); findings != nil {
			t.Errorf("%s, with a shell: %v", name, findings)
		}
	}
}

// TestVariablesRead: those without a default, and not those that are asked about.
func TestVariablesRead(t *testing.T) {
	source := strings.Join([]string{
		"const a = process.env.DATABASE_URL",
		"const b = process.env.REGION || 'eu', c = process.env.ZONE ?? 'a'",
		"if (process.env.FEATURE) on()",
		"if (process.env.MODE === 'x') on()",
		"connect(process.env['API_KEY'])",
		"process.env.TZ_NAME = 'UTC'",
		"const { SECRET, LEVEL = 'info', NODE_ENV } = process.env",
		"if (!process.env.TOKEN) throw new Error('no token')",
		"const d = process.env.ON ? 1 : 2",
		"use(process.env.ELSEWHERE)",
		"const url = `http://${process.env.UPSTREAM}/`",
	}, "\n")
	p := planOf(t, with(`{"main": "server.js"}`, "server.js="+source, "config.js=module.exports = process.env.ELSEWHERE || 'x'"), config.Service{Name: "a", Path: "a", Type: "worker", Env: map[string]string{"SECRET": "x"}})
	want := []plan.Use{{Name: "API_KEY", File: "a/server.js", Line: 5}, {Name: "DATABASE_URL", File: "a/server.js", Line: 1}, {Name: "TOKEN", File: "a/server.js", Line: 8}, {Name: "UPSTREAM", File: "a/server.js", Line: 11}}
	if diff := cmp.Diff(want, p.Reads); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestVariablesOfASchema: what it requires is read.
func TestVariablesOfASchema(t *testing.T) {
	for name, source := range map[string]string{
		"Joi":     "Joi.object().keys({\n  PORT: Joi.number().default(3000),\n  MONGODB_URL: Joi.string().required().description('x'),\n  SMTP_HOST: Joi.string(),\n}); validate(process.env)",
		"zod":     "z.object({\n  PORT: z.coerce.number(),\n  MONGODB_URL: z.string().url(),\n  SMTP_HOST: z.string().optional(),\n}).parse(process.env)",
		"envalid": "cleanEnv(process.env, {\n  MONGODB_URL: str(),\n  SMTP_HOST: str({ default: '' }),\n})",
	} {
		p := planOf(t, with(`{"main": "server.js"}`, "server.js="+source), config.Service{Name: "a", Path: "a", Type: "worker"})
		if len(p.Reads) != 1 || p.Reads[0].Name != "MONGODB_URL" || p.Reads[0].Line < 2 {
			t.Errorf("%s: %v", name, p.Reads)
		}
	}
}

// TestDirectoriesThatTheProgramWritesTo belong to the account of the image.
func TestDirectoriesThatTheProgramWritesTo(t *testing.T) {
	for name, c := range map[string]struct {
		source string
		want   []string
	}{
		"a literal":               {`fs.mkdirSync("uploads", { recursive: true })`, []string{"/app/uploads"}},
		"of a list":               {`for (const dir of ["uploads", path.join(os.homedir(), ".x"), 'tmp/parts']) fs.mkdirSync(dir)`, []string{"/app/tmp/parts", "/app/uploads"}},
		"of a named list":         {`const DIRS: string[] = ["uploads", "tmp/parts"]; for (const d of DIRS) { fs.mkdirSync(d) }`, []string{"/app/tmp/parts", "/app/uploads"}},
		"for each":                {`["uploads", "cache"].forEach((d) => fs.mkdirSync(d, { recursive: true }))`, []string{"/app/cache", "/app/uploads"}},
		"for each, by a function": {`const dirs = ["uploads", "cache"]; dirs.forEach(function (d) { fs.mkdirSync(path.join(__dirname, "..", d)) })`, []string{"/app/cache", "/app/uploads"}},
		"all at once":             {`await Promise.all(["uploads", "cache"].map(async d => fs.promises.mkdir(d)))`, []string{"/app/cache", "/app/uploads"}},
		"joined in a loop":        {`for (const d of ["a", "b"]) fs.mkdirSync(path.join("data", d))`, []string{"/app/data/a", "/app/data/b"}},
		"values of an object":     {`const D = { up: "uploads", tmp: "cache" }; for (const d of Object.values(D)) fs.mkdirSync(d)`, []string{"/app/cache", "/app/uploads"}},
		"a list of elsewhere":     {`for (const d of config.dirs) fs.mkdirSync(d); names.forEach(n => fs.mkdirSync(n))`, nil},
		"a property of a class":   {`class Store { static dir; static init(args) { Store.dir = process.env.DATA_DIR || args["data-dir"] || Store.dev() || "./data/"; fs.mkdirSync(Store.dir, { recursive: true }) } }`, []string{"/app/data"}},
		"a static property":       {`class Store { static dir: string = "data"; init() { fs.mkdirSync(Store.dir) } }`, []string{"/app/data"}},
		"a field":                 {`class A { constructor() { this.dir = path.resolve("files"); mkdirSync(this.dir) } }`, []string{"/app/files"}},
		"of a configuration":      {`const config = { port: 3000, dir: "uploads" }; mkdirSync(config.dir)`, []string{"/app/uploads"}},
		"a property of nothing":   {`mkdirSync(config.dir); mkdirSync(this.dir)`, nil},
		"beside the code":         {`const dir = path.join(__dirname, "..", "data"); await fs.promises.mkdir(dir)`, []string{"/app/data"}},
		"of a file":               {`fs.createWriteStream(path.resolve("logs", "app.log"))`, []string{"/app/logs"}},
		"a default of a variable": {`const d = process.env.STORE || "store/files"; mkdirSync(d)`, []string{"/app/store/files"}},
		"a template":              {"fs.writeFileSync(`${process.cwd()}/out/a.json`, x)", []string{"/app/out"}},
		"multer's storage":        {`multer.diskStorage({ destination: (req, file, cb) => cb(null, path.join(__dirname, '../files')) })`, []string{"/app/files"}},
		"formidable":              {`formidable({ uploadDir: './incoming' })`, []string{"/app/incoming"}},
		"multer":                  {`const up = multer({ dest: "uploads/" })`, []string{"/app/uploads"}},
		"a log file":              {`new transports.File({ filename: 'logs/error.log' })`, []string{"/app/logs"}},
		"a database":              {`new Database("db/app.sqlite")`, []string{"/app/db"}},
		"elsewhere":               {`fs.mkdirSync("/var/lib/shop")`, []string{"/var/lib/shop"}},
		"the temporary directory": {`fs.mkdirSync(path.join(os.tmpdir(), "x")); mkdirSync("/tmp/y")`, nil},
		"nothing known":           {`fs.mkdirSync(target); fs.writeFileSync("a.json", x); mkdirSync("../above")`, nil},
	} {
		files := with(`{"scripts": {"start": "node lib/server.js", "css": "node css.js"}}`, "lib/server.js="+c.source, `css.js=fs.mkdirSync("public")`)
		s := (Ecosystem{}).inspect(tree(files), config.Service{Name: "a", Path: "a", Type: "worker"}, nil)
		if diff := cmp.Diff(c.want, s.Writable()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestDirectoriesWithFilesThatTheProgramWritesTo are copied as the account's.
func TestDirectoriesWithFilesThatTheProgramWritesTo(t *testing.T) {
	p := planOf(t, with(`{"main": "server.js"}`, `server.js=fs.writeFileSync("data/db.json", x)`, "data/db.json"), config.Service{Name: "a", Path: "a", Type: "worker"})
	if got := laidOut(p); !strings.HasSuffix(got, " && mkdir -p /out/data && mv /out/app/data /out/data/data") {
		t.Errorf("laid out by %s", got)
	}
	i := slices.IndexFunc(stage(p, plan.StageProduction).Steps, func(s plan.Step) bool { return s.Chown == "1001:1001" })
	if i < 0 || !slices.Equal(stage(p, plan.StageProduction).Steps[i].Args, []string{"/out/data/data/", "/app/data/"}) {
		t.Errorf("production has %+v", stage(p, plan.StageProduction).Steps)
	}
}

// TestHealthOverTLS: certificates of a server that never listens without them.
func TestHealthOverTLS(t *testing.T) {
	const health = `new HealthImplementation({"": "SERVING", "shop.Echo": "SERVING"});`
	for name, c := range map[string]struct{ source, want string }{
		"gRPC with TLS":       {health + `s.bindAsync("0.0.0.0:50051", grpc.ServerCredentials.createSsl(null, []))`, "gRPC (whole server) over TLS"},
		"gRPC with either":    {health + `s.bindAsync("0.0.0.0:50051", tls ? grpc.ServerCredentials.createSsl(null, []) : grpc.ServerCredentials.createInsecure())`, "gRPC (whole server)"},
		"gRPC of one service": {`const h = new HealthImplementation(); h.setStatus("shop.Echo", "SERVING"); s.bindAsync("0.0.0.0:50051", c)`, "gRPC shop.Echo"},
		"HTTPS":               {`app.get("/healthz"); https.createServer(options, app).listen(8443)`, "HTTP /healthz over TLS"},
		"HTTP beside HTTPS":   {`app.get("/healthz"); https.createServer(o, app).listen(8443); http.createServer(app).listen(8080)`, "HTTP /healthz"},
	} {
		p := planOf(t, with(`{"main": "server.js"}`, "server.js="+c.source), config.Service{Name: "a", Path: "a"})
		if got := p.Health.Describe(); got != c.want {
			t.Errorf("%s: asked by %q, not %q", name, got, c.want)
		}
	}
}

// TestRunners: programs of production dependencies run without a shell, and are
// reached from outside of the container.
func TestRunners(t *testing.T) {
	dep := func(name, start string, names ...string) map[string]string {
		deps := `"dependencies": {"` + name + `": "1"}`
		return with(`{"scripts": {"start": "`+start+`"}, `+deps+`}`, append(names, "package-lock.json="+lockOf(deps))...)
	}
	for name, c := range map[string]struct {
		files     map[string]string
		want, env string
		port      int
	}{
		"Fastify":              {dep("fastify-cli", "fastify start -l info app.js", "app.js"), "node node_modules/.bin/fastify start -l info app.js", "FASTIFY_ADDRESS=0.0.0.0 NODE_ENV=production PORT=3000", 3000},
		"Fastify, with a port": {dep("fastify-cli", "fastify start -p 8081 app.js", "app.js"), "node node_modules/.bin/fastify start -p 8081 app.js", "FASTIFY_ADDRESS=0.0.0.0 NODE_ENV=production PORT=8081", 8081},
		"a function":           {dep("@google-cloud/functions-framework", "functions-framework --target=hello", "index.js"), "node node_modules/.bin/functions-framework --target=hello", "NODE_ENV=production PORT=8080", 8080},
		"Strapi":               {dep("@strapi/strapi", "strapi start", "config/server.js=({ env }) => ({ port: env.int('PORT', 1400) })"), "node node_modules/.bin/strapi start", "HOST=0.0.0.0 NODE_ENV=production PORT=1400", 1400},
		"ts-node":              {dep("ts-node", "ts-node src/index.ts", "src/index.ts=require('http').createServer().listen(4000)"), "node node_modules/.bin/ts-node src/index.ts", "NODE_ENV=production", 4000},
	} {
		p, findings := Ecosystem{}.Plan(tree(c.files), config.Service{Name: "a", Path: "a"}, nil)
		argv, env := command(p)
		slices.Sort(env)
		if findings.Errors() != nil || strings.Join(argv, " ") != c.want || p.Port != c.port || strings.Join(env, " ") != c.env {
			t.Errorf("%s: starts %q with %q on %d, findings %v", name, argv, env, p.Port, findings)
		}
	}
	_, findings := Ecosystem{}.Plan(tree(dep("json-server", "json-server db.json", "db.json={}")), config.Service{Name: "a", Path: "a"}, nil)
	if len(findings) != 1 || findings[0].Hint != `write command: ["node", "node_modules/.bin/json-server", "db.json"] for the service in slipway.yaml` {
		t.Errorf("another program: %v", findings)
	}
	_, findings = Ecosystem{}.Plan(tree(with(`{"scripts": {"start": "fastify start app.js"}}`, "app.js")), config.Service{Name: "a", Path: "a"}, nil)
	if got := strings.Join(codes(findings), ", "); got != codeStartShell+" error" {
		t.Errorf("a program that no production dependency has: %v", findings)
	}
}

// TestLoopback: a server that nobody reaches from outside of its container.
func TestLoopback(t *testing.T) {
	const http, fastify = "const http = require('http');\n", "const app = require('fastify')({ logger: true });\n"
	for name, c := range map[string]struct {
		source string
		line   int // of the finding, 0 for none
	}{
		"Fastify's default":             {fastify + "app.listen({ port: 3000 }, (err) => {})", 2},
		"of a variable":                 {fastify + "await app.listen({ port: Number(process.env.PORT) || 3000 })", 2},
		"Fastify 3":                     {fastify + "app.listen(3000, (err, address) => { if (err) throw err })", 2},
		"Nest on Fastify":               {"const app = await NestFactory.create(M, new FastifyAdapter());\nawait app.listen(3000);", 2},
		"Fastify, everywhere":           {fastify + "app.listen({ port: 3000, host: '0.0.0.0' })", 0},
		"Fastify, a host":               {fastify + "app.listen({ port: 3000, host })", 0},
		"Fastify, IPv6":                 {fastify + "app.listen(3000, '::')", 0},
		"Fastify, options from afar":    {fastify + "const port = 3000; app.listen(options)", 0},
		"Node's own":                    {http + "http.createServer().listen(3000, () => {})", 0},
		"the documentation's example":   {http + "const hostname = '127.0.0.1';\nconst port = 3000;\nhttp.createServer().listen(port, hostname, () => {})", 4},
		"a literal":                     {http + "http.createServer().listen(3000, 'localhost')", 2},
		"a name of something else":      {http + "const db = 'localhost';\nhttp.createServer().listen(3000)", 0},
		"Hapi":                          {"const s = Hapi.server({\n  port: 3000,\n  host: 'localhost' });", 1},
		"Hapi everywhere":               {"const s = Hapi.server({ port: 3000 });", 0},
		"by the environment":            {http + "const host = process.env.CI ? '127.0.0.1' : '0.0.0.0'; http.createServer().listen(3000, host)", 0},
		"another program's call on top": {http + "emitter.listen('localhost-events');\nhttp.createServer().listen(3000)", 0},
	} {
		p, findings := Ecosystem{}.Plan(tree(with(`{"main": "server.js"}`, "server.js="+c.source)), config.Service{Name: "a", Path: "a"}, nil)
		line := 0
		for _, f := range findings {
			if f.Code == ecosystem.CodeLoopback {
				line = f.Place.Line
			}
		}
		if line != c.line || p.Port != 3000 || findings.Errors() != nil {
			t.Errorf("%s: warns in line %d, want %d: port %d, %v", name, line, c.line, p.Port, findings)
		}
	}
}
