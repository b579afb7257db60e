package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/slipway-build/slipway/internal/config"
)

// corpus is what is built and started for real: one line a service of
// testdata/repos. A service with a path to ask is published and has to answer
// with the words; any has to become healthy, or to run to its end with --exit.
var corpus = []struct {
	repo    string // below testdata/repos; more than one line may name it
	service string // name that it is given
	env     string // NAME=value that it needs to start
	port    int    // that it listens on; 0: it is not asked anything
	ask     string // path of the request
	answer  string // regular expression that the body has to match
	limitMB int64  // of the unpacked image; 0: no limit
	finds   string // codes of findings about the image, for the reason beside it; good images have none
}{
	{repo: "go-http", service: "notes", port: 8080, ask: "/", answer: `"zone":"Europe/Vienna"`, limitMB: 11},
	{repo: "go-gin", service: "shop", port: 8080, ask: "/", answer: "<h1>Shop</h1>", limitMB: 20},
	{repo: "go-echo", service: "shelf", port: 1323, ask: "/books/7", answer: `"title":"Tide tables"`, limitMB: 16},
	{repo: "go-grpc", service: "greeter", limitMB: 16},
	{repo: "go-grpc-health", service: "lamps", limitMB: 18},
	{repo: "go-allow-list", service: "tides", port: 8080, ask: "/next", answer: "06:12", limitMB: 11},
	{repo: "go-multi-cmd", service: "api", port: 9000, ask: "/queue", answer: "^0\n"},
	{repo: "go-workspace", service: "stock", port: 8082, ask: "/", answer: "stock 12.50"},
	{repo: "go-vendor", service: "ids", port: 7000, ask: "/", answer: `^[0-9a-f-]{36}\n`},
	{repo: "go-cgo", service: "adder", port: 8090, ask: "/", answer: "42"},
	{repo: "go-no-sum", service: "nosum"},
	{repo: "go-files", service: "shop", port: 9898, ask: "/", answer: "<li>teapot</li>", limitMB: 14},
	{repo: "python-fastapi", service: "python-fastapi", port: 8000, ask: "/prices/tea", answer: `"cents":350`, limitMB: 75},
	{repo: "python-fastapi-standard", service: "python-fastapi-standard", port: 8000, ask: "/heroes/1", answer: `"name":"Deadpond"`, limitMB: 140},
	{repo: "python-psycopg2", service: "python-psycopg2", port: 8000, ask: "/healthz", answer: `"libpq":17`},
	{repo: "python-flask", service: "python-flask", port: 5000, ask: "/healthz", answer: `"libpq":`},
	{repo: "python-django", service: "python-django", env: "SECRET_KEY=of-the-test", port: 8000, ask: "/", answer: `/static/site\.[0-9a-f]+\.css`},
	{repo: "python-django-runserver", service: "python-django-runserver", port: 8000, ask: "/", answer: `^libpq \d+$`}, // the build adds a server
	{repo: "python-server-missing", service: "python-server-missing", port: 8000, ask: "/openapi.json", answer: `"title":"FastAPI"`, limitMB: 75},
	{repo: "python-uv", service: "stock-api", port: 8000, ask: "/stock/tea", answer: `"left":3`},
	{repo: "python-poetry", service: "mailer", port: 8090, ask: "/health", answer: `"ok"`},
	{repo: "python-pdm", service: "sweeper"},
	{repo: "python-pipenv", service: "python-pipenv"},
	{repo: "python-ml", service: "python-ml", port: 9000, ask: "/predict/10", answer: `50005`},
	{repo: "python-imports-inside", service: "python-imports-inside", port: 8000, ask: "/tides/dover", answer: `"dover":6.7`, limitMB: 75},
	{repo: "python-programs", service: "python-programs"},
	{repo: "python-uv-workspace", service: "api", port: 8000, ask: "/health", answer: "^an uv$"},
	{repo: "java-spring-maven", service: "tides", port: 8080, ask: "/tides/dover", answer: `"metres":6.7`, limitMB: 130},
	{repo: "java-plain-maven", service: "hello", port: 8081, ask: "/", answer: `{"hello":"java"}`, limitMB: 80},
	{repo: "rust-axum", service: "prices", port: 8080, ask: "/prices/tea", answer: `"cents":350`, limitMB: 7},
	{repo: "rust-workspace", service: "api", port: 8081, ask: "/", answer: `^hello, 12\.50 EUR\n$`, limitMB: 6},
	{repo: "rust-linker", service: "ticker", port: 8000, ask: "/", answer: "^slow and steady$", limitMB: 6},
	{repo: "rust-toolchain-nightly", service: "clock", port: 7070, ask: "/", answer: `^\d+ seconds\n$`, limitMB: 6},
	{repo: "rust-two-servers", service: "admin", port: 9999, ask: "/", answer: "^admin$", limitMB: 6},
	{repo: "pnpm-express", service: "pnpm-express", port: 3100, ask: "/", answer: `{"hello":"pnpm"}`},
	{repo: "yarn1-fastify", service: "yarn1-fastify", port: 3200, ask: "/", answer: `{"hello":"yarn"}`},
	{repo: "yarn-berry", service: "yarn-berry", port: 3400, ask: "/", answer: `{"hello":"yarn"}`},
	{repo: "bun-hono", service: "bun-hono", port: 3500, ask: "/", answer: `{"hello":"bun"}`},
	{repo: "bun-serve", service: "bun-serve", port: 3000, ask: "/", answer: `{"hello":"Bun 1\.`},
	{repo: "deno-serve", service: "deno-serve", port: 8000, ask: "/", answer: `{"hello":"Deno 2\.`},
	{repo: "node-version-exact", service: "exact", port: 3000, ask: "/", answer: `^Node\.js v22\.11\.0\n`},
	{repo: "node-runtime-files", service: "ts-openapi", port: 3000, ask: "/", answer: `openapi: 3\.1\.0`},
	{repo: "node-hidden-and-docs", service: "js-wellknown", port: 3000, ask: "/terms", answer: "^# Terms"},
	{repo: "node-client-beside-server", service: "vite-express", port: 3000, ask: "/", answer: "<!doctype html>"},
	{repo: "node-asset-build", service: "js-css", port: 3000, ask: "/out.css", answer: "margin:0"},
	{repo: "node-changed-packages", service: "js-patch", port: 3000, ask: "/", answer: "patched=true"},
	{repo: "node-local-package", service: "js-filedep", port: 3000, ask: "/", answer: "from-shared"},
	{repo: "node-ffmpeg", service: "beeper", port: 3000, ask: "/mp3", answer: "^mp3$", limitMB: 400},
	{repo: "node-lock-v1", service: "shop", port: 3000, ask: "/", answer: "86400000"},
	{repo: "node-port-told", service: "pay", port: 7000, ask: "/", answer: "^hi"},
	{repo: "node-writes", service: "js-uploads", port: 3000, ask: "/", answer: `"uploads":"ok","/home/app/\.cache/tool":"ok"`},
	{repo: "static-html", service: "site", port: 8080, ask: "/prices", answer: "Rye", limitMB: 20},
	{repo: "static-rules", service: "site", port: 8080, ask: "/docs/", answer: "Guide", limitMB: 20},
	{repo: "site-hugo", service: "site", port: 8080, ask: "/posts/first/", answer: "The first tide", limitMB: 20},
	{repo: "site-jekyll", service: "site", port: 8080, ask: "/orchard/", answer: "Apples", limitMB: 20},
	{repo: "site-mdbook", service: "site", port: 8080, ask: "/knots/bowline.html", answer: "Bowline", limitMB: 22},
	{repo: "site-mkdocs", service: "site", port: 8080, ask: "/guide/berths/", answer: "Twelve berths", limitMB: 30},
	{repo: "site-sphinx", service: "site", port: 8080, ask: "/index.html", answer: "Turning metal", limitMB: 20},
	{repo: "react-vite", service: "tide-table", port: 8080, ask: "/3", answer: `<div id="root">`, limitMB: 20},
	{repo: "vue-vite", service: "basket", port: 8080, ask: "/", answer: "Basket", limitMB: 20},
	{repo: "svelte-vite", service: "counter", port: 8080, ask: "/", answer: "Counter", limitMB: 20},
	{repo: "angular", service: "ferry", port: 8080, ask: "/", answer: "Ferry", limitMB: 20},
	{repo: "workspace-vite", service: "web", port: 8080, ask: "/", answer: "Acme", limitMB: 20},
	{repo: "workspace-npm", service: "api", port: 3300, ask: "/", answer: "^19.99 EUR$"},
	{repo: "workspace-npm", service: "mailer"},
	{repo: "workspace-pnpm", service: "web", port: 3600, ask: "/", answer: "<h1>Hello pnpm, 1m</h1>"},
	{repo: "workspace-yarn1", service: "api", port: 3300, ask: "/", answer: "^19.99 EUR$"},
	{repo: "workspace-berry", service: "api", port: 3300, ask: "/", answer: "^19.99 EUR$"},
	{repo: "workspace-bun", service: "api", port: 3300, ask: "/", answer: "^19.99 EUR$"},
	{repo: "framework-next", service: "storefront", port: 3000, ask: "/", answer: "Hello from Next.js"},
	{repo: "framework-tanstack", service: "tanstack-start", port: 3000, ask: "/", answer: "<h1>Hello from TanStack Start</h1>"},
	{repo: "node-bcrypt", service: "gatekeeper", port: 3700, ask: "/?word=open+sesame", answer: "^come in", limitMB: 130},
	{repo: "node-procfile", service: "worker"},
	{repo: "node-procfile", service: "release"},
	{repo: "workspace-turbo", service: "api", port: 3350, ask: "/", answer: "^19.99 EUR$"},
	{repo: "framework-nestjs", service: "ledger", port: 3000, ask: "/", answer: "^Hello from Nest$"},
}

// imageFinding is the code of a finding about an image.
var imageFinding = regexp.MustCompile(`SLP3[678]\d`)

// TestTheCorpusBuildsAndAnswers does with repositories of the corpus what their
// owners would: slipway init, build and run --until-healthy; then it asks them
// something.
func TestTheCorpusBuildsAndAnswers(t *testing.T) {
	real(t)
	rows := [][]string{{"repository", "facts", "built in", "size", "answer"}}
	t.Cleanup(func() { t.Log("\n" + aligned(rows)) })
	stopping := stopping{all: t}
	for _, c := range corpus {
		dir := filepath.Join(t.TempDir(), c.repo)
		t.Run(c.repo+"/"+c.service, func(t *testing.T) {
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "testdata", "repos", c.repo, "repo"))); err != nil {
				t.Fatal(err)
			}
			invocation{dir: dir, args: []string{"init"}}.run(t).must(t, 0)
			start := time.Now()
			built := invocation{dir: dir, args: []string{"build", c.service}, limit: 20 * time.Minute}.run(t).must(t, 0)
			if found := strings.Join(imageFinding.FindAllString(built.stderr, -1), " "); found != c.finds {
				t.Errorf("the check of the image finds %q, not %q:\n%s", found, c.finds, built.stderr)
			}
			took := time.Since(start).Round(time.Second)
			fleet, _ := config.Parse(config.FileName, []byte(read(t, filepath.Join(dir, config.FileName))))
			runsWithoutRoot(t, fleet.Name+"/"+c.service+":latest")
			size := unpackedSize(t, dir, c.service)
			if c.limitMB > 0 && size > c.limitMB*1e6 {
				t.Errorf("the image has %d bytes, more than %d MB", size, c.limitMB)
			}
			args := []string{"run", c.service, "--detach", "--until-healthy", "--timeout", "120s"}
			port := freePort(t)
			if c.port > 0 {
				args = append(args, "-p", fmt.Sprintf("%s:%d", port, c.port))
			}
			if c.env != "" {
				args = append(args, "--env", c.env)
			}
			stopping.wait(t, fleet.Name)
			invocation{dir: dir, args: args}.run(t).must(t, 0)
			t.Cleanup(func() { stopping.begin(fleet.Name) })
			answer := "healthy"
			if c.port > 0 {
				answer = get(t, "http://127.0.0.1:"+port+c.ask)
				if !regexp.MustCompile(c.answer).MatchString(answer) {
					t.Errorf("%s answers %q, which does not match %q", c.ask, answer, c.answer)
				}
			}
			rows = append(rows, []string{c.repo, facts(t, dir, c.service), took.String(), fmt.Sprintf("%.1f MB", float64(size)/1e6), clipped(answer)})
		})
	}
	stopping.end()
}

// facts are what tells the repositories of the table apart.
func facts(t *testing.T, dir, service string) string {
	t.Helper()
	var plans []struct {
		Facts []struct{ Name, Value string }
	}
	out := invocation{dir: dir, args: []string{"plan", "--json", service}}.run(t).must(t, 0).stdout
	if err := json.Unmarshal([]byte(out), &plans); err != nil || len(plans) != 1 {
		t.Fatalf("slipway plan printed %v:\n%s", err, out)
	}
	var words []string
	for _, f := range plans[0].Facts {
		if slices.Contains([]string{"runtime", "package manager", "framework", "application", "server", "type", "port"}, f.Name) {
			words = append(words, f.Value)
		}
	}
	return strings.Join(words, ", ")
}

// clipped is a short first line.
func clipped(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	if r := []rune(text); len(r) > 40 {
		text = string(r[:40]) + "…"
	}
	return text
}

// aligned lays out a table.
func aligned(rows [][]string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	_ = w.Flush() // to memory
	return b.String()
}

// unpackedSize is that of the image of a service.
func unpackedSize(t *testing.T, dir, service string) int64 {
	t.Helper()
	var stats struct {
		Services []struct {
			SizeBytes int64 `json:"size_bytes"`
		} `json:"services"`
	}
	out := invocation{dir: dir, args: []string{"stats", "--json", service}}.run(t).must(t, 0).stdout
	if err := json.Unmarshal([]byte(out), &stats); err != nil || len(stats.Services) != 1 {
		t.Fatalf("slipway stats printed %v:\n%s", err, out)
	}
	return stats.Services[0].SizeBytes
}

// get returns the body of a page that has to be there.
func get(t *testing.T, url string) string {
	t.Helper()
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s answered %s: %v\n%s", url, resp.Status, err, body)
	}
	return string(body)
}
