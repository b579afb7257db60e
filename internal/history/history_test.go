package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/ledger"
	"github.com/slipway-build/slipway/internal/pipeline"
)

func TestAnEqualBuildIsRecalled(t *testing.T) {
	y := newYard(t)
	job := y.job("web")
	expect(t, y.build(job, nil), "", "not built here before")
	first := y.runs()[0].Services[0].Result.Digest

	again := y.recall(job)
	expect(t, again, first)
	if again.Result.Steps != 2 || again.Result.CachedSteps != 2 || again.Took != time.Minute || again.PeakMemory != 1<<20 {
		t.Errorf("recalled %+v", again)
	}
	if again.Print.Facts != nil {
		t.Error("there is something to note although nothing changed")
	}

	y.write("web/a", "2")
	expect(t, y.build(job, nil), "", "a changed")
	if second := y.runs()[0].Services[0].Result.Digest; second == first {
		t.Error("the second build has the first image")
	}
	y.write("web/a", "1") // as it was: that image is known, but it is not the last one
	back := y.recall(job)
	expect(t, back, first)
	if back.Print.Facts == nil {
		t.Error("the last build has changed, and nobody is to note it")
	}
}

// TestAnImageIsThatOfOneRepository: steps with cache mounts make of equal files what
// the mounts of their repository hold, so that the image of another one is not taken.
func TestAnImageIsThatOfOneRepository(t *testing.T) {
	for text, shared := range map[string]bool{
		"FROM scratch\nCOPY a /a\n":                                             true,
		"FROM scratch\nCOPY a /a\nRUN --mount=type=cache,target=/c true\n":      false,
		"FROM scratch\nCOPY a /a\nRUN --mount=type=cache,id=x,target=/c true\n": false,
	} {
		y := newYard(t)
		job := y.job("web")
		job.Request.Dockerfile, job.Request.Repository = []byte(text), "hostile"
		y.build(job, nil)
		if y.recall(job).Result.Digest == "" {
			t.Errorf("%q: the image is not recalled in its own repository", text)
		}
		job.Request.Repository = "victim"
		if got := y.recall(job).Result.Digest != ""; got != shared {
			t.Errorf("%q: the image of another repository is recalled: %v, want %v", text, got, shared)
		}
	}
}

func TestAnUnchangedBuildIsNoRun(t *testing.T) {
	y := newYard(t)
	job := y.job("web")
	y.build(job, nil)
	y.build(job, nil)
	if all := y.runs(); len(all) != 1 {
		t.Errorf("%d runs are recorded: %+v", len(all), all)
	}
}

// An image belongs to the inputs only if nobody touched them during the build.
func TestInputsTouchedDuringABuild(t *testing.T) {
	for name, touch := range map[string]func(y *yard){
		"changed":              func(y *yard) { y.write("web/a", "2") },
		"changed to and fro":   func(y *yard) { y.write("web/a", "2"); y.write("web/a", "1") },
		"removed":              func(y *yard) { _ = os.Remove(filepath.Join(y.repo, "web", "a")) },
		"replaced by a folder": func(y *yard) { _ = os.Remove(filepath.Join(y.repo, "web", "a")); y.write("web/a/b", "1") },
	} {
		t.Run(name, func(t *testing.T) {
			y := newYard(t)
			job := y.job("web")
			y.build(job, func() { touch(y) })
			if err := os.RemoveAll(filepath.Join(y.repo, "web", "a")); err != nil {
				t.Fatal(err)
			}
			y.write("web/a", "1") // what the fingerprint saw
			if got := y.recall(job); got.Result.Digest != "" {
				t.Errorf("an image that may hold other files is recalled: %+v", got)
			}
			if s := y.runs()[0].Services[0]; s.Key != "" {
				t.Errorf("recorded with key %s", s.Key)
			}
		})
	}
}

func TestAFailedBuildIsRecordedWithoutAnImage(t *testing.T) {
	y := newYard(t)
	job := y.job("web")
	h := y.open()
	was := h.Recall(t.Context(), []pipeline.Job{job})[0]
	h.Keep(t.Context(), job, was, pipeline.Built{Reasons: was.Reasons, Err: errors.New("step failed: https://me:CANARY@host.example"),
		Ran: []pipeline.Step{{Stage: "builder", Step: "RUN make", Duration: time.Second}}})
	y.close(h)
	expect(t, y.recall(job), "", "not built here before")
	want := []ledger.Service{{Name: "web", Image: job.Image, Reasons: []string{"not built here before"}, Err: "step failed: https://host.example",
		Steps: []ledger.Step{{Stage: "builder", Text: "RUN make", Duration: time.Second}}}}
	if diff := cmp.Diff(want, y.runs()[0].Services); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
}

func TestAnImageThatIsNotWholeIsBuiltAgain(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, y *yard, manifest string, layers []string){
		"its manifest is gone": func(t *testing.T, _ *yard, manifest string, _ []string) { remove(t, manifest) },
		"a layer is gone":      func(t *testing.T, _ *yard, _ string, layers []string) { remove(t, layers[0]) },
		"the store is empty":   func(t *testing.T, y *yard, _ string, _ []string) { remove(t, y.store.Dir()) },
	} {
		t.Run(name, func(t *testing.T) {
			y := newYard(t)
			job := y.job("web")
			y.build(job, nil)
			manifest, layers := y.blobs(job.Image)
			damage(t, y, manifest, layers)
			got := y.recall(job)
			expect(t, got, "", "its image is no longer in the store")
			if !got.Lost {
				t.Error("nobody is told that the image was lost")
			}
		})
	}
}

// Whatever cannot be known beforehand is built each time, for a stated reason.
func TestUnknownInputs(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*yard, *pipeline.Job)
		want   string
	}{
		"an image that is not pinned": {func(_ *yard, j *pipeline.Job) { j.Request.Dockerfile = []byte("FROM busybox:latest\nCOPY a /a\n") }, "the image busybox"},
		"a download": {func(_ *yard, j *pipeline.Job) {
			j.Request.Dockerfile = []byte("FROM scratch\nADD https://example.com/x /x\n")
		}, "https://example.com/x"},
		"no context":    {func(y *yard, j *pipeline.Job) { j.Request.Context = filepath.Join(y.repo, "none") }, "its inputs cannot be determined"},
		"no Dockerfile": {func(_ *yard, j *pipeline.Job) { j.Request.Dockerfile = []byte("FRM x\n") }, "its inputs cannot be determined"},
	} {
		t.Run(name, func(t *testing.T) {
			y := newYard(t)
			job := y.job("web")
			c.change(y, &job)
			for range 2 {
				if got := y.build(job, nil); got.Result.Digest != "" || len(got.Reasons) == 0 || !strings.Contains(got.Reasons[0], c.want) {
					t.Errorf("image %q, reasons %q; want %q", got.Result.Digest, got.Reasons, c.want)
				}
			}
		})
	}
}

// The same sources are another build with another recipe.
func TestAnotherRecipe(t *testing.T) {
	for name, change := range map[string]func(*Options, *pipeline.Job){
		"another slipway":   func(o *Options, _ *pipeline.Job) { o.Version = "1.0.1" },
		"other BuildKits":   func(o *Options, _ *pipeline.Job) { o.Elsewhere = true },
		"a development one": func(o *Options, _ *pipeline.Job) { o.Version = "1.0.0-dirty" },
		"a label":           func(_ *Options, j *pipeline.Job) { j.Request.Labels = map[string]string{"a": "b"} },
		"another epoch":     func(_ *Options, j *pipeline.Job) { j.Request.Epoch = time.Unix(5, 0) },
		"a further context": func(_ *Options, j *pipeline.Job) {
			j.Request.Contexts = map[string]func() (map[string][]byte, error){"manifests": nil}
		},
		"a secret's source": func(_ *Options, j *pipeline.Job) { j.Request.Secrets = []engine.Secret{{ID: "npm", Env: "OTHER"}} },
	} {
		t.Run(name, func(t *testing.T) {
			y := newYard(t)
			job := y.job("web")
			job.Request.Dockerfile = append(job.Request.Dockerfile, "RUN --mount=type=secret,id=npm true\n"...)
			job.Request.Secrets = []engine.Secret{{ID: "npm", Env: "TOKEN"}}
			y.build(job, nil)
			got := y.recall(job, func(o *Options) { change(o, &job) })
			if job.Request.Labels != nil || !job.Request.Epoch.IsZero() || job.Request.Contexts != nil || job.Request.Secrets[0].Env != "TOKEN" {
				got = y.recall(job) // the request was changed, not the command
			}
			if got.Result.Digest != "" || len(got.Reasons) == 0 {
				t.Errorf("image %q, reasons %q", got.Result.Digest, got.Reasons)
			}
		})
	}
}

func TestAfreshRecallsNothing(t *testing.T) {
	y := newYard(t)
	job := y.job("web")
	y.build(job, nil)
	got := y.recall(job, func(o *Options) { o.Afresh = "--no-cache" })
	expect(t, got, "", "--no-cache")
	if got.Print.Key == "" || got.Took != time.Minute {
		t.Errorf("what is noted of it: %+v", got)
	}
}

// What a secret or an argument says is in no file of the state directory.
func TestValuesOfSecretsAndArgumentsAreNotKept(t *testing.T) {
	y := newYard(t)
	job := y.job("web")
	secret := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(secret, []byte("hunter2-secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	job.Request.Dockerfile = []byte("FROM scratch AS x\nARG PASSWORD\nCOPY a /a\nRUN --mount=type=secret,id=npm true\n")
	job.Request.Secrets = []engine.Secret{{ID: "npm", File: secret}}
	job.Request.Args = map[string]string{"PASSWORD": "hunter3-secret"}
	y.build(job, nil)
	if y.recall(job).Result.Digest == "" {
		t.Error("the build is not recalled")
	}
	for _, name := range []string{"ledger.db", "digests"} {
		data, err := os.ReadFile(filepath.Join(y.state, name))
		if err != nil && name == "ledger.db" {
			t.Fatal(err)
		}
		for _, s := range []string{"hunter2-secret", "hunter3-secret"} {
			if strings.Contains(string(data), s) {
				t.Errorf("%s has %s", name, s)
			}
		}
	}
}

// Commands that record at once lose nothing of each other, and neither do the
// services of one.
func TestWritersAtOnce(t *testing.T) {
	y := newYard(t)
	var jobs []pipeline.Job
	for i := range 24 {
		y.write(fmt.Sprintf("s%02d/a", i), fmt.Sprint(i))
		jobs = append(jobs, y.job(fmt.Sprintf("s%02d", i)))
	}
	var commands sync.WaitGroup
	for i := range 6 {
		mine := jobs[i*4 : i*4+4]
		commands.Go(func() {
			h := y.open()
			var services sync.WaitGroup
			for j, was := range h.Recall(context.Background(), mine) {
				built := pipeline.Built{Result: y.image(mine[j].Image), Reasons: was.Reasons}
				services.Go(func() { h.Keep(context.Background(), mine[j], was, built) })
			}
			services.Wait()
			if err := h.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	commands.Wait()
	h := y.open()
	defer y.close(h)
	for i, got := range h.Recall(t.Context(), jobs) {
		if desc, err := y.store.Resolve(t.Context(), jobs[i].Image); err != nil || got.Result.Digest != desc.Digest.String() {
			t.Errorf("%s: %v, %+v", jobs[i].Request.Name, err, got)
		}
	}
	all := y.runs()
	if len(all) != 6 || len(y.notes) > 0 {
		t.Errorf("%d runs, notes %q", len(all), y.notes)
	}
	for _, r := range all {
		var names []string
		for _, s := range r.Services {
			names = append(names, s.Name)
		}
		if len(names) != 4 || !slices.IsSorted(names) {
			t.Errorf("run %d has %v", r.ID, names)
		}
	}
}
