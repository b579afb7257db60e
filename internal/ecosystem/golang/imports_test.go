package golang

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// shop is a module with two programs of the same imports and one of others.
func shop(more map[string]string) fstest.MapFS {
	files := map[string]string{
		"go.mod":            "module example.com/shop\n\ngo 1.26\n\nrequire (\n\tgithub.com/go-chi/chi/v5 v5.2.3\n\tgithub.com/google/uuid v1.6.0\n)\n",
		"go.sum":            "github.com/go-chi/chi/v5 v5.2.3 h1:x\n",
		"kit/kit.go":        "package kit\n\nimport (\n\t\"net/http\"\n\n\t\"github.com/go-chi/chi/v5\"\n)\n\nvar R http.Handler = chi.NewRouter()\n",
		"cmd/cart/main.go":  "package main\n\nimport \"example.com/shop/kit\"\n\nfunc main() { _ = kit.R }\n",
		"cmd/bill/main.go":  "package main\n\nimport (\n\t\"fmt\"\n\n\t\"example.com/shop/kit\"\n)\n\nfunc main() { fmt.Println(kit.R) }\n",
		"cmd/label/main.go": "package main\n\nimport (\n\t\"example.com/shop/kit\"\n\t\"github.com/google/uuid\"\n)\n\nfunc main() { _, _ = kit.R, uuid.New() }\n",
	}
	for name, text := range more {
		files[name] = text
	}
	root := fstest.MapFS{}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

// stageOf plans a service and returns one of its stages.
func stageOf(t *testing.T, root fstest.MapFS, at, stage string) plan.Stage {
	t.Helper()
	dir, err := root.Sub(at)
	if err != nil {
		t.Fatal(err)
	}
	p, findings := Ecosystem{}.In(root).Plan(dir, config.Service{Path: at, Type: "worker"}, &config.Fleet{})
	if err := findings.Errors(); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(p.Stages, func(s plan.Stage) bool { return s.Name == stage })
	if i < 0 {
		t.Fatalf("no stage %s", stage)
	}
	return p.Stages[i]
}

// importStep is the step that compiles imports, its Shell empty when there is none.
func importStep(st plan.Stage) plan.Step {
	for _, s := range st.Steps {
		if strings.Contains(s.Shell, "go build") {
			return s
		}
	}
	return plan.Step{}
}

const compiles = "GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath "

func TestImportsCompiledBeforeSources(t *testing.T) {
	tests := map[string]struct {
		files    map[string]string
		at, want string
	}{
		"of a package of the module": {nil, "cmd/cart", compiles + "github.com/go-chi/chi/v5 || true"},
		"and the program's own":      {nil, "cmd/label", compiles + "github.com/go-chi/chi/v5 github.com/google/uuid || true"},
		"not of one platform, by name": {map[string]string{"cmd/cart/fast_arm64.go": "package main\n\nimport _ \"github.com/google/uuid\"\n"},
			"cmd/cart", compiles + "github.com/go-chi/chi/v5 || true"},
		"not of one platform, by constraint": {map[string]string{"cmd/cart/fast.go": "// Fast.\n\n//go:build amd64\n\npackage main\n\nimport _ \"github.com/google/uuid\"\n"},
			"cmd/cart", compiles + "github.com/go-chi/chi/v5 || true"},
		"of one platform and of all": {map[string]string{"cmd/label/fast_arm64.go": "package main\n\nimport _ \"github.com/google/uuid\"\n"},
			"cmd/label", compiles + "github.com/go-chi/chi/v5 github.com/google/uuid || true"},
		"not of tests": {map[string]string{"cmd/cart/main_test.go": "package main\n\nimport _ \"github.com/google/uuid\"\n"},
			"cmd/cart", compiles + "github.com/go-chi/chi/v5 || true"},
		"vendored": {map[string]string{"vendor/modules.txt": "# github.com/go-chi/chi/v5 v5.2.3\n# github.com/google/uuid v1.6.0\n"},
			"cmd/cart", compiles + "-mod=vendor github.com/go-chi/chi/v5 || true"},
		"the standard library alone": {map[string]string{"kit/kit.go": "package kit\n\nimport \"net/http\"\n\nvar R http.Handler\n"}, "cmd/cart", ""},
		"cgo":                        {map[string]string{"cmd/cart/c.go": "package main\n\nimport \"C\"\n"}, "cmd/cart", "go build -trimpath github.com/go-chi/chi/v5 || true"},
		"another module of the repository": {map[string]string{
			"go.mod":     "module example.com/shop\n\ngo 1.26\n\nrequire (\n\texample.com/lib v0.0.0\n\tgithub.com/go-chi/chi/v5 v5.2.3\n)\n\nreplace example.com/lib => ./lib\n",
			"lib/go.mod": "module example.com/lib\n\ngo 1.26\n", "lib/lib.go": "package lib\n",
			"cmd/cart/main.go": "package main\n\nimport (\n\t_ \"example.com/lib\"\n\t\"example.com/shop/kit\"\n)\n\nfunc main() { _ = kit.R }\n",
		}, "cmd/cart", compiles + "github.com/go-chi/chi/v5 || true"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			step := importStep(stageOf(t, shop(tt.files), tt.at, plan.StageDependencies))
			if step.Shell != tt.want {
				t.Errorf("got  %q\nwant %q", step.Shell, tt.want)
			}
			turn := plan.Mount{Type: "cache", Target: turnDir, Sharing: "locked"}
			if tt.want != "" && !slices.Contains(step.Mounts, turn) {
				t.Errorf("mounts %v lack %v", step.Mounts, turn)
			}
		})
	}
}

// Equal stages are what an engine merges; a stage that the sources change is
// compiled again after every line.
func TestImportStageIsShared(t *testing.T) {
	cart := stageOf(t, shop(nil), "cmd/cart", plan.StageDependencies)
	equal := func(st plan.Stage) bool {
		return slices.EqualFunc(cart.Steps, st.Steps, func(a, b plan.Step) bool {
			return a.Op == b.Op && a.Shell == b.Shell && slices.Equal(a.Args, b.Args) && slices.Equal(a.Mounts, b.Mounts)
		})
	}
	if !equal(stageOf(t, shop(nil), "cmd/bill", plan.StageDependencies)) {
		t.Error("two programs with the same imports differ")
	}
	if equal(stageOf(t, shop(nil), "cmd/label", plan.StageDependencies)) {
		t.Error("a program with another import is the same")
	}
	changed := shop(map[string]string{"cmd/cart/main.go": "package main\n\nimport \"example.com/shop/kit\"\n\nfunc main() { println(1); _ = kit.R }\n"})
	if !equal(stageOf(t, changed, "cmd/cart", plan.StageDependencies)) {
		t.Error("a changed line changes the step")
	}
	for _, s := range stageOf(t, shop(nil), "cmd/cart", plan.StageBuilder).Steps {
		if strings.Contains(s.Shell, "go build") && slices.ContainsFunc(s.Mounts, func(m plan.Mount) bool { return m.Sharing != "" }) {
			t.Error("programs wait for each other")
		}
	}
}
