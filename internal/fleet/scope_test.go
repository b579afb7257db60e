package fleet

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/repository"
)

// repositoryOf is the name that the job of a directory has.
func repositoryOf(t *testing.T, l Loader, dir string, req engine.Request) string {
	t.Helper()
	r, err := l.Directory(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	job, err := r.Job(req, Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	return job.Request.Repository
}

func TestJobsHaveTheirRepository(t *testing.T) {
	dirs := [2]string{}
	for i := range dirs {
		dirs[i] = t.TempDir()
		for name, text := range map[string]string{
			"Dockerfile": "FROM scratch\nCOPY a /a\n", "a": "a",
			// words of a repository that could be taken for a choice
			".env": "SLIPWAY_CACHE_SCOPE=shared\nBUILDKIT_CACHE_MOUNT_NS=x\n",
		} {
			if err := os.WriteFile(filepath.Join(dirs[i], name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, scope := range []Scope{"", RepositoryScope} {
		l := Loader{Dir: dirs[0], Scope: scope, Warn: func(diag.Findings) {}}
		one, two := repositoryOf(t, l, dirs[0], engine.Request{}), repositoryOf(t, l, dirs[1], engine.Request{})
		if one != repository.ID(dirs[0]) || two != repository.ID(dirs[1]) || one == two {
			t.Errorf("%q and %q", one, two)
		}
		if got := repositoryOf(t, l, dirs[0], engine.Request{Repository: "address"}); got != "address" {
			t.Errorf("the repository at an address is %q", got)
		}
	}
	shared := Loader{Dir: dirs[0], Scope: SharedScope, Warn: func(diag.Findings) {}}
	for _, given := range []string{"", "address"} {
		if got := repositoryOf(t, shared, dirs[0], engine.Request{Repository: given}); got != "" {
			t.Errorf("where all share, the repository is %q", got)
		}
	}
}

// TestServicesOfAFleetShare: one fleet is one repository, whatever its slipway.yaml says.
func TestServicesOfAFleetShare(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"slipway.yaml": "version: 1\nfleet: shop\nservices:\n  a: {path: a}\n  b: {path: b}\n",
		"a/Dockerfile": "FROM scratch\nCOPY x /x\n", "a/x": "x", "b/Dockerfile": "FROM scratch\nCOPY x /x\n", "b/x": "x",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for scope, want := range map[Scope]string{"": repository.ID(dir), SharedScope: ""} {
		f, err := Loader{Dir: dir, Scope: scope, Warn: func(diag.Findings) {}}.Load(Target{Root: dir}, Overrides{})
		if err != nil {
			t.Fatal(err)
		}
		jobs, err := f.Jobs(engine.Request{})
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range jobs {
			if j.Request.Repository != want {
				t.Errorf("%s with the scope %q: %q, want %q", j.Request.Name, scope, j.Request.Repository, want)
			}
		}
	}
}

func TestParseScope(t *testing.T) {
	for word, ok := range map[string]bool{"": true, "repository": true, "shared": true, "Shared": false, "all": false} {
		got, err := ParseScope(word)
		if (err == nil) != ok || ok && got != Scope(word) {
			t.Errorf("%q: %q, %v", word, got, err)
		}
		if !ok && (diag.ExitOf(err) != diag.ExitUsage || diag.HintOf(err) == "") {
			t.Errorf("%q: exit %d, hint %q", word, diag.ExitOf(err), diag.HintOf(err))
		}
	}
}

// TestAFleetHasItsOwnImages: an image that another repository built under the same
// name is not the fleet's.
func TestAFleetHasItsOwnImages(t *testing.T) {
	root := t.TempDir()
	store, _ := storeOf(t, "acme/web:latest")
	images := []Image{{Service: "web", Name: "acme/web:latest"}}
	for by, ok := range map[string]bool{"": true, repository.ID(root): true, repository.ID(t.TempDir()): false} {
		desc, err := store.Resolve(t.Context(), "acme/web:latest")
		if err != nil {
			t.Fatal(err)
		}
		desc.Annotations = nil
		if by != "" {
			desc.Annotations = map[string]string{image.NamedBy: by}
		}
		if err := store.Tag(t.Context(), "acme/web:latest", desc); err != nil {
			t.Fatal(err)
		}
		err = CheckBuilt(t.Context(), store, root, images)
		if (err == nil) != ok || !ok && (!strings.Contains(err.Error(), "the image acme/web:latest in the store is that of another repository") || diag.HintOf(err) != "slipway build web") {
			t.Errorf("named by %q: %v, hint %q", by, err, diag.HintOf(err))
		}
	}
}
