package golang

import (
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
)

// TestListenPort follows the port from the call that listens, through whatever
// leads to it.
func TestListenPort(t *testing.T) {
	for what, c := range map[string]struct {
		main  string // statements of main
		top   string // declarations beside it
		files map[string]string
		want  string
	}{
		"flag set":          {main: `fs := flag.NewFlagSet("x", 1); port := fs.Int("port", 9898, ""); http.ListenAndServe(fmt.Sprintf(":%d", *port), nil)`, want: "9898"},
		"flag set, Var":     {main: `var p int; fs.IntVar(&p, "port", 9191, ""); http.ListenAndServe(":"+strconv.Itoa(p), nil)`, want: "9191"},
		"pflag shorthand":   {main: `addr := pflag.StringP("addr", "a", ":7001", ""); http.ListenAndServe(*addr, nil)`, want: "7001"},
		"cobra and viper":   {main: `cmd.Flags().Int("port", 8085, ""); http.ListenAndServe(fmt.Sprintf(":%d", viper.GetInt("port")), nil)`, want: "8085"},
		"cobra, persistent": {main: `cmd.PersistentFlags().IntVarP(&cfg.Port, "port", "p", 8086, ""); http.ListenAndServe(fmt.Sprintf(":%d", cfg.Port), nil)`, want: "8086"},
		"viper's default":   {main: `viper.SetDefault("server.port", 8087); http.ListenAndServe(":"+viper.GetString("server.port"), nil)`, want: "8087"},
		"urfave":            {main: `f := &cli.IntFlag{Name: "port", Value: 8088}; run(f)`, top: `func run(c *cli.Context) { http.ListenAndServe(fmt.Sprintf(":%d", c.Int("port")), nil) }`, want: "8088"},
		"kingpin":           {main: `p := kingpin.Flag("listen-port", "x").Default("8089").Int(); http.ListenAndServe(fmt.Sprintf(":%d", *p), nil)`, want: "8089"},
		"tag envDefault":    {main: `http.ListenAndServe(":"+cfg.Port, nil)`, top: "type C struct {\n\tDB string `env:\"DB\" envDefault:\"x:5432\"`\n\tPort string `env:\"PORT\" envDefault:\"8090\"`\n}", want: "8090"},
		"tag default":       {main: `http.ListenAndServe(cfg.HTTP.Addr, nil)`, top: "type C struct { Addr string `arg:\"--addr\" default:\":8091\"` }", want: "8091"},
		"constant":          {main: `http.ListenAndServe(listenOn, nil)`, top: `const listenOn = ":8092"`, want: "8092"},
		"parameter":         {main: `serve(":8093")`, top: `func serve(a string) { http.ListenAndServe(a, nil) }`, want: "8093"},
		"function":          {main: `http.ListenAndServe(address(), nil)`, top: `func address() string { if p := os.Getenv("PORT"); p != "" { return ":" + p }; return ":8094" }`, want: "8094"},
		"joined host":       {main: `port := "8095"; http.ListenAndServe(net.JoinHostPort("", port), nil)`, want: "8095"},
		"field elsewhere": {main: `http.ListenAndServe(fmt.Sprintf(":%d", config.Get().Server.Port), nil)`, files: map[string]string{"config/config.go": `package config
			func Get() *C { return &C{Database: D{Port: 5433}, Server: S{Port: 8096, SSL: T{Port: 8443}}} }`}, want: "8096"},
		"map of settings": {main: `http.ListenAndServe(config.Addr(), nil)`, files: map[string]string{"config/config.go": `package config
			var all = map[string]*option{"LISTEN_ADDR": {rawValue: "127.0.0.1:8097"}, "CLEANUP": {rawValue: "60"}}
			func Addr() string { return all["LISTEN_ADDR"].rawValue }`}, want: "8097"},
		"server":                     {main: `srv := &http.Server{Handler: h}; srv.Addr = ":8098"; srv.ListenAndServe()`, want: "8098"},
		"listener":                   {main: `l, _ := net.Listen("tcp", ":8099"); http.Serve(l, nil)`, want: "8099"},
		"TCP address":                {main: `l, _ := net.ListenTCP("tcp", &net.TCPAddr{Port: 8100}); http.Serve(l, nil)`, want: "8100"},
		"metrics beside it":          {main: `metricsAddr := ":9100"; go http.ListenAndServe(metricsAddr, nil); http.ListenAndServe(":8101", nil)`, want: "8101"},
		"TLS beside it":              {main: `go http.ListenAndServeTLS(tlsAddr, "c", "k", nil); http.ListenAndServe(addr, nil)`, top: `const tlsAddr, addr = ":8443", ":8102"`, want: "8102"},
		"debugging":                  {main: `go http.ListenAndServe("localhost:6060", nil); http.ListenAndServe(":8103", nil)`, want: "8103"},
		"no stand-in of a library":   {main: `http.ListenAndServe(":"+port(), nil)`, files: map[string]string{"router/router.go": "package router\nfunc X() { r.RemoteAddr = \"127.0.0.1:65535\"; http.ListenAndServe(a, nil) }"}, want: ""},
		"no client's":                {main: `http.ListenAndServe(os.Args[1], nil)`, files: map[string]string{"fetch/f.go": "package fetch\nfunc X() { c, _ := net.Dial(\"tcp\", \"0.0.0.0:8104\"); net.Listen(\"unix\", p) }"}, want: ""},
		"no database's":              {main: `http.ListenAndServe(cfg.Addr, nil)`, top: `var cfg = C{Redis: R{Addr: "localhost:6379"}, Addr: ":8105"}`, want: "8105"},
		"no number beside it":        {main: `http.ListenAndServe(strings.SplitN(os.Args[1], "=", 20)[1], nil)`, want: ""},
		"a switched off one is none": {main: `if *p > 0 { http.ListenAndServe(fmt.Sprintf(":%d", *p), nil) }; http.ListenAndServe(":8107", nil)`, top: `var p = flag.Int("port-extra", 0, "")`, want: "8107"},
	} {
		files := map[string]string{"main.go": "package main\n\nimport (\n"}
		for name, text := range c.files {
			files[name] = text
			files["main.go"] += "\t\"example.com/app/" + name[:strings.LastIndexByte(name, '/')] + "\"\n"
		}
		files["main.go"] += ")\n\nfunc main() {\n" + c.main + "\n}\n\n" + c.top + "\n"
		s := inspected(t, files, config.Service{Type: "http"})
		if got := s.evidence.Port.Text; got != c.want {
			t.Errorf("%s: port %q at %s:%d, want %q", what, got, s.evidence.Port.File, s.evidence.Port.Line, c.want)
		}
	}
}

// TestGRPCOff: a gRPC server whose port is 0 by default is no reason for type grpc.
func TestGRPCOff(t *testing.T) {
	files := func(port string) map[string]string {
		return map[string]string{
			"main.go":    "package main\n\nimport \"example.com/app/api\"\n\nfunc main() {\n\tfs.Int(\"port\", 9898, \"\")\n\tfs.Int(\"grpc-port\", " + port + ", \"\")\n\tif cfg.Port > 0 { api.Serve(cfg) }\n\thttp.ListenAndServe(\":\"+viper.GetString(\"port\"), nil)\n}\n",
			"api/api.go": "package api\n\ntype Config struct { Port int `mapstructure:\"grpc-port\"` }\n\nfunc Serve(config Config) {\n\tl, _ := net.Listen(\"tcp\", fmt.Sprintf(\":%v\", config.Port))\n\tgrpc.NewServer().Serve(l)\n}\n",
		}
	}
	for port, want := range map[string]string{"0": "http 9898", "50051": "grpc 50051"} {
		s := inspected(t, files(port), config.Service{})
		if got := s.Want.Type + " " + s.evidence.Port.Text; got != want {
			t.Errorf("gRPC port %s: %s, want %s", port, got, want)
		}
	}
}

// TestTLS: the server listens with TLS, and never without.
func TestTLS(t *testing.T) {
	for source, want := range map[string]bool{
		`http.ListenAndServeTLS(":8443", "c.pem", "k.pem", nil)`:                                                            true,
		`http.ListenAndServe(":8080", nil)`:                                                                                 false,
		`if tls { http.ListenAndServeTLS(":8443", "c", "k", nil) } else { http.ListenAndServe(":8080", nil) }`:              false,
		`creds, err := credentials.NewServerTLSFromFile("c", "k"); s := grpc.NewServer(grpc.Creds(creds)); s.Serve(l)`:      true,
		`if *useTLS { creds, err := credentials.NewServerTLSFromFile("c", "k"); o = grpc.Creds(creds) }; grpc.NewServer(o)`: false,
		`go http.ListenAndServe(":80", redirect); http.ListenAndServeTLS(":443", "c", "k", nil)`:                            false,
	} {
		s := inspected(t, map[string]string{"main.go": "package main\n\nfunc main() {\n" + source + "\n}\n"}, config.Service{Type: "http", Port: 1})
		if got := s.evidence.TLS.Found(); got != want {
			t.Errorf("%s: TLS %v, want %v", source, got, want)
		}
	}
}

// TestNames: the version of a module is not the name of its service.
func TestNames(t *testing.T) {
	for module, want := range map[string]string{
		"example.com/team/notes/v2": "notes", "example.com/team/notes": "notes", "gopkg.in/notes.v3": "notes", "v2": "v2", "example.com/v2ray": "v2ray",
	} {
		s := inspected(t, map[string]string{"go.mod": "module " + module + "\n\ngo 1.26\n", "main.go": program}, config.Service{})
		if s.Want.Name != want || s.start[0] != "/app/"+want {
			t.Errorf("%s: %s starts %v, want %s", module, s.Want.Name, s.start, want)
		}
	}
}

// TestWhichServes takes the program that serves, and names the other.
func TestWhichServes(t *testing.T) {
	server := "package main\n\nfunc main() { http.ListenAndServe(\":8080\", nil) }\n"
	tool := "package main\n\nfunc main() { fmt.Println(1) }\n"
	for what, c := range map[string]struct {
		files map[string]string
		main  string
		lists []string
		other string
	}{
		"server and tool":     {map[string]string{"cmd/web/main.go": server, "cmd/ctl/main.go": tool}, "cmd/web", []string{"cmd/web"}, "cmd/ctl"},
		"in another package":  {map[string]string{"cmd/web/main.go": "package main\n\nimport \"example.com/app/srv\"\n\nfunc main() { srv.Run() }\n", "srv/s.go": "package srv\n\nfunc Run() { http.ListenAndServe(\":1\", nil) }\n", "cmd/ctl/main.go": tool}, "cmd/web", []string{"cmd/web"}, "cmd/ctl"},
		"two servers":         {map[string]string{"cmd/a/main.go": server, "cmd/b/main.go": server}, "", []string{"cmd/a", "cmd/b"}, ""},
		"server and worker":   {map[string]string{"cmd/a/main.go": server, "cmd/b/main.go": "package main\n\nfunc main() { signal.Notify(c); <-c }\n"}, "", []string{"cmd/a", "cmd/b"}, ""},
		"tools alone":         {map[string]string{"cmd/a/main.go": tool, "cmd/b/main.go": tool}, "", []string{"cmd/a", "cmd/b"}, ""},
		"a loop in a command": {map[string]string{"cmd/web/main.go": server, "cmd/ctl/main.go": tool, "cmd/ctl/ws.go": "package main\n\nfunc read() { for { } }\n"}, "cmd/web", []string{"cmd/web"}, "cmd/ctl"},
	} {
		c.files["go.mod"] = "module example.com/app\n\ngo 1.26\n"
		s := inspected(t, c.files, config.Service{})
		if s.mainDir != c.main {
			t.Errorf("%s: program %q, want %q; %v", what, s.mainDir, c.main, s.Findings)
		}
		var others []string
		for _, f := range s.Findings {
			if f.Code == codeOthers && f.Severity == diag.Info && strings.Contains(f.Hint, "ctl: {path: cmd/ctl}") {
				others = append(others, f.Place.File)
			}
		}
		if got := strings.Join(others, " "); (c.other == "") != (got == "") {
			t.Errorf("%s: others %q, want %q", what, got, c.other)
		}
	}
}

// TestEmbedMissing names what writes the files that go:embed wants.
func TestEmbedMissing(t *testing.T) {
	files := map[string]string{"main.go": "package main\n\nimport _ \"example.com/app/web\"\n\nfunc main() {}\n", "web/embed.go": "package web\n\n//go:embed dist\nvar files embed.FS\n", "web/package.json": "{}"}
	s := inspected(t, files, config.Service{Name: "api"})
	if err := s.Findings.Errors(); err == nil || !strings.Contains(err.Error(), codeEmbed) || !strings.Contains(s.Findings[0].Hint, "files: [{from: web, to: web/dist}]") || s.Findings[0].Place.Line != 3 {
		t.Errorf("findings: %v", s.Findings)
	}
	s = inspected(t, files, config.Service{Name: "api", Files: []config.File{{From: "web", To: "web/dist"}}})
	if err := s.Findings.Errors(); err != nil {
		t.Errorf("with files: %v", err)
	}
	files["web/dist/index.html"] = ""
	if s = inspected(t, files, config.Service{Name: "api"}); s.Findings.Errors() != nil {
		t.Errorf("with dist: %v", s.Findings)
	}
}

// TestDotenv warns of a program that ends without a file that no image has.
func TestDotenv(t *testing.T) {
	for source, want := range map[string]bool{
		"if err := godotenv.Load(); err != nil {\n\tlog.Fatal(\"no .env\")\n}":              true,
		"err := godotenv.Load(\".env\")\nif err != nil {\n\tlog.Fatalf(\"x: %v\", err)\n}":  true,
		"if err := godotenv.Load(); err != nil {\n\tpanic(err)\n}":                          true,
		"if err := godotenv.Load(); err != nil {\n\tlog.Println(\"no .env\")\n}":            false,
		"_ = godotenv.Load()\nif err := run(); err != nil { log.Print(err) }\nlog.Fatal(1)": false,
	} {
		s := inspected(t, map[string]string{"main.go": "package main\n\nfunc main() {\n" + source + "\n}\n"}, config.Service{})
		got := false
		for _, f := range s.Findings {
			got = got || f.Code == codeDotenv
		}
		if got != want {
			t.Errorf("%q: %v, want %v", source, got, want)
		}
	}
}

// TestUses lists variables without a default, and programs that are started.
func TestUses(t *testing.T) {
	s := inspected(t, map[string]string{"main.go": "package main\n\nfunc main() {\n" + strings.Join([]string{
		`a := os.Getenv("DATABASE_URL")`, `b := cmp.Or(os.Getenv("ZONE"), "UTC")`, `c := getEnv("LEVEL", "info")`, `d := os.Getenv("PORT")`,
		"e := os.Getenv(\"QUEUE\")", "if e == \"\" { e = \"jobs\" }", `f := mustEnv("TOKEN")`,
		`exec.Command("ffmpeg", "-i", x)`, `exec.CommandContext(ctx, "sh", "-c", "pg_dump db")`, `exec.Command(os.Args[0])`,
	}, "\n") + "\n}\n\ntype C struct {\n\tKey string `env:\"API_KEY,required\"`\n\tLang string `env:\"LANGUAGE\" envDefault:\"en\"`\n}\n"}, config.Service{})
	var reads, calls []string
	p := s.plan(nil)
	for _, u := range p.Reads {
		reads = append(reads, u.Name)
	}
	for _, u := range p.Calls {
		calls = append(calls, u.Name)
	}
	if got := strings.Join(reads, " "); got != "API_KEY DATABASE_URL TOKEN" {
		t.Errorf("reads %s", got)
	}
	if got := strings.Join(calls, " "); got != "ffmpeg pg_dump sh" {
		t.Errorf("calls %s", got)
	}
}

// TestPortReachesTheProgram: by PORT where the program reads it, or where nothing
// shows that it does not; a port that cannot reach it is a warning.
func TestPortReachesTheProgram(t *testing.T) {
	for source, want := range map[string]string{
		`http.ListenAndServe(":8080", nil)`:                                           "warns",
		`http.ListenAndServe(":8080", nil); go http.ListenAndServe(":9000", metrics)`: "",
		`http.ListenAndServe(":"+cmp.Or(os.Getenv("PORT"), "8080"), nil)`:             "PORT=9000",
		`http.ListenAndServe(addressOf(os.Args), nil)`:                                "PORT=9000",
	} {
		s := inspected(t, map[string]string{"main.go": "package main\n\nfunc main() {\n" + source + "\n}\n"}, config.Service{Name: "web", Port: 9000})
		got := ""
		for _, f := range s.Findings {
			if f.Code == codePort {
				got = "warns"
			}
		}
		p := s.plan(nil)
		for _, step := range p.Stages[len(p.Stages)-1].Steps {
			for _, arg := range step.Args {
				if strings.HasPrefix(arg, "PORT=") {
					got = arg
				}
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
}

// TestLoopback: a server that nobody reaches from outside of its container.
func TestLoopback(t *testing.T) {
	for what, c := range map[string]struct {
		main string
		want config.Service
		line int // of the finding, 0 for none
	}{
		"a literal":              {main: `http.ListenAndServe("localhost:8110", nil)`, line: 7},
		"a flag's default":       {main: `a := flag.String("listen", "127.0.0.1:8111", ""); http.ListenAndServe(*a, nil)`},
		"IPv6":                   {main: `http.ListenAndServe("[::1]:8112", nil)`, line: 7},
		"every address":          {main: `http.ListenAndServe(":8113", nil)`},
		"debugging beside it":    {main: `go http.ListenAndServe("localhost:6060", nil); http.ListenAndServe(":8114", nil)`},
		"PORT gives another":     {main: `a := "localhost:8115"; if p := os.Getenv("PORT"); p != "" { a = ":" + p }; http.ListenAndServe(a, nil)`},
		"the command gives one":  {main: `a := flag.String("listen", "127.0.0.1:8116", ""); http.ListenAndServe(*a, nil)`, want: config.Service{Command: []string{"/app/x", "-listen=:8116"}}},
		"a variable gives one":   {main: `http.ListenAndServe(get("LISTEN", "127.0.0.1:8117"), nil)`, want: config.Service{Env: map[string]string{"LISTEN": ":8117"}}},
		"no server, but clients": {main: `net.Dial("tcp", "localhost:8118")`},
	} {
		s := inspected(t, map[string]string{"main.go": "package main\n\nimport \"net/http\"\n\nfunc main() {\n\n" + c.main + "\n}\n"}, c.want)
		line := 0
		for _, f := range s.Findings {
			if f.Code == ecosystem.CodeLoopback {
				line = f.Place.Line
			}
		}
		if line != c.line {
			t.Errorf("%s: warns in line %d, want %d: %v", what, line, c.line, s.Findings)
		}
	}
}

// TestHostFlag: a program whose flag has an address of the machine itself as its
// default gets every address; a flag for another purpose stays.
func TestHostFlag(t *testing.T) {
	for what, c := range map[string]struct{ main, want string }{
		"an address":        {`a := flag.String("listen", "127.0.0.1:8121", "where"); flag.Parse(); http.ListenAndServe(*a, nil)`, "/app/app --listen=0.0.0.0:8121"},
		"a variable":        {`var a string; flag.StringVar(&a, "http.addr", "localhost:8122", "where"); flag.Parse(); http.ListenAndServe(a, nil)`, "/app/app --http.addr=0.0.0.0:8122"},
		"IPv6":              {`a := flag.String("http-address", "[::1]:8130", "where"); http.ListenAndServe(*a, nil)`, "/app/app --http-address=0.0.0.0:8130"},
		"host and port":     {`h := fs.StringP("address", "a", "127.0.0.1", "where"); p := fs.StringP("port", "p", "8123", "where"); http.ListenAndServe(*h+":"+*p, nil)`, "/app/app --address=0.0.0.0"},
		"a host's variable": {`var h string; var p int; fs.StringVarP(&h, "bind-address", "b", "::1", "where"); fs.IntVar(&p, "port", 8124, "where"); http.ListenAndServe(fmt.Sprintf("%s:%d", h, p), nil)`, "/app/app --bind-address=0.0.0.0"},
		"every address":     {`a := flag.String("listen", ":8125", "where"); flag.Parse(); http.ListenAndServe(*a, nil)`, "/app/app"},
		"of a database":     {`d := flag.String("db-host", "127.0.0.1", "where"); p := flag.String("port", "8126", "where"); open(*d); http.ListenAndServe(":"+*p, nil)`, "/app/app"},
		"of a client":       {`d := flag.String("addr", "localhost:50051", "where"); grpc.NewClient(*d); http.ListenAndServe(":8127", nil)`, "/app/app"},
		"no server":         {`d := flag.String("addr", "localhost:8128", "where"); net.Dial("tcp", *d)`, "/app/app"},
	} {
		s := inspected(t, map[string]string{"main.go": "package main\n\nimport \"net/http\"\n\nfunc main() {\n\n" + strings.ReplaceAll(c.main, "; ", "\n") + "\n}\n"}, config.Service{})
		if got := strings.Join(s.start, " "); got != c.want {
			t.Errorf("%s: starts %q, want %q: %v", what, got, c.want, s.Findings)
		}
	}
	s := inspected(t, map[string]string{"main.go": "package main\n\nimport \"net/http\"\n\nfunc main() {\n\ta := flag.String(\"listen\", \"127.0.0.1:8129\", \"where\")\n\thttp.ListenAndServe(*a, nil)\n}\n"},
		config.Service{Command: []string{"/app/app", "-listen=:8129"}})
	if got := strings.Join(s.start, " "); got != "/app/app -listen=:8129" {
		t.Errorf("a written command becomes %q", got)
	}
}

// TestServingCommand: a program whose root command does nothing starts with the
// one that serves.
func TestServingCommand(t *testing.T) {
	const imports = "package main\n\nimport (\n\t\"net/http\"\n\n\t\"github.com/spf13/cobra\"\n)\n\n"
	const serve = "func serve(c *cobra.Command, a []string) { http.ListenAndServe(\":8120\", nil) }\n"
	for what, c := range map[string]struct {
		text string
		want string
	}{
		"variables": {"var root = &cobra.Command{Use: \"app\"}\nvar serveCmd = &cobra.Command{Use: \"serve [flags]\", Run: serve}\nvar migrate = &cobra.Command{Use: \"migrate\", Run: nil}\n" +
			"func init() { root.AddCommand(serveCmd, migrate) }\nfunc main() { root.Execute() }\n", "/app/app serve"},
		"functions": {"func newRoot() *cobra.Command {\n\tcmd := &cobra.Command{Use: \"app\"}\n\tcmd.AddCommand(newServer())\n\treturn cmd\n}\n" +
			"func newServer() *cobra.Command {\n\tcmd := &cobra.Command{Use: \"server\", RunE: nil}\n\treturn cmd\n}\nfunc main() { newRoot().Execute() }\n", "/app/app server"},
		"returned":         {"func start() *cobra.Command { return &cobra.Command{Use: \"start\", Run: serve} }\nfunc main() {\n\troot := &cobra.Command{Use: \"app\"}\n\troot.AddCommand(start())\n\troot.Execute()\n}\n", "/app/app start"},
		"a root that runs": {"var root = &cobra.Command{Use: \"app\", Run: serve}\nvar other = &cobra.Command{Use: \"serve\", Run: serve}\nfunc main() { root.AddCommand(other); root.Execute() }\n", "/app/app"},
		"one set later":    {"var root = &cobra.Command{Use: \"app\"}\nvar other = &cobra.Command{Use: \"serve\", Run: serve}\nfunc main() { root.RunE = f; root.AddCommand(other); root.Execute() }\n", "/app/app"},
		"two that serve":   {"var root = &cobra.Command{Use: \"app\"}\nvar a = &cobra.Command{Use: \"serve\", Run: serve}\nvar b = &cobra.Command{Use: \"serve\", Run: serve}\nfunc main() { root.AddCommand(a, b); root.Execute() }\n", "/app/app"},
		"no such command":  {"var root = &cobra.Command{Use: \"app\"}\nvar a = &cobra.Command{Use: \"sync\", Run: serve}\nfunc main() { root.AddCommand(a); root.Execute() }\n", "/app/app"},
	} {
		s := inspected(t, map[string]string{"main.go": imports + c.text + serve}, config.Service{})
		if got := strings.Join(s.start, " "); got != c.want {
			t.Errorf("%s: starts %q, want %q: %v", what, got, c.want, s.Findings)
		}
	}
}
