package ledger

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestMain lets the test start itself as another process that records.
func TestMain(m *testing.M) {
	if dir := os.Getenv("LEDGER_WRITER"); dir != "" {
		l := Open(dir, func(format string, args ...any) { fmt.Printf(format+"\n", args...) })
		for i := range 40 {
			if _, err := l.Record(runOf(fmt.Sprintf("%s-%d", os.Getenv("LEDGER_NAME"), i))); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func runOf(name string) Run {
	return Run{
		Started: time.Unix(1, 0).UTC(), Duration: time.Second, Version: "v", Fleet: "/fleet",
		Services: []Service{{Name: name, Image: "i/" + name, Key: "key-" + name, Print: json.RawMessage(`{"a":1}`),
			Result: Image{Digest: "sha256:" + name, MediaType: "m", SizeBytes: 5, Steps: 3}, Reasons: []string{"src/a changed"},
			Steps: []Step{{Stage: "builder", Text: "RUN make", Duration: time.Second}}, Cached: 2, Duration: time.Minute}},
	}
}

func quiet(t *testing.T) func(string, ...any) {
	return func(format string, args ...any) { t.Errorf("it says: "+format, args...) }
}

func view(t *testing.T, l *Ledger, fn func(View)) {
	t.Helper()
	if err := l.View(func(v View) error { fn(v); return nil }); err != nil {
		t.Fatal(err)
	}
}

func record(t *testing.T, l *Ledger, r Run) uint64 {
	t.Helper()
	id, err := l.Record(r)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestWhatIsRecordedIsFound(t *testing.T) {
	l := Open(t.TempDir(), quiet(t))
	view(t, l, func(v View) {
		if _, ok := v.Image("key-web"); ok || v.Runs(10) != nil {
			t.Error("a ledger that does not exist knows something")
		}
	})
	first, second := record(t, l, runOf("web")), record(t, l, runOf("api"))
	if first != 1 || second != 2 {
		t.Errorf("runs are %d and %d", first, second)
	}
	failed := runOf("web")
	failed.Services[0].Err, failed.Services[0].Result, failed.Services[0].Print = "no", Image{}, nil
	skipped := runOf("api")
	skipped.Services[0].Skipped, skipped.Services[0].Key, skipped.Services[0].Print = true, "key-skipped", nil
	record(t, l, failed)
	record(t, l, skipped)
	view(t, l, func(v View) {
		image, ok := v.Image("key-web")
		if diff := cmp.Diff(runOf("web").Services[0].Result, image); !ok || diff != "" {
			t.Errorf("image (-want +got):\n%s", diff)
		}
		last, ok := v.Last("/fleet", "web")
		want := runOf("web").Services[0]
		want.Print = nil
		if diff := cmp.Diff(Last{Run: 1, Service: want, Usual: Usual{Duration: time.Minute}}, last); !ok || diff != "" {
			t.Errorf("last build (-want +got):\n%s", diff)
		}
		if got, usual := v.LastKey("/fleet", "web"); got != want.Key || usual != last.Usual {
			t.Errorf("its key is %q, usual is %+v", got, usual)
		}
		if diff := cmp.Diff(`{"a":1}`, string(v.Print("/fleet", "web"))); diff != "" || v.Print("/other", "web") != nil {
			t.Errorf("its fingerprint (-want +got):\n%s", diff)
		}
		if _, ok := v.Last("/other", "web"); ok {
			t.Error("another fleet's service of that name is taken for this one")
		}
		if _, ok := v.Image("key-skipped"); ok {
			t.Error("a build that was skipped made an image")
		}
		if _, ok := v.Image(""); ok {
			t.Error("an unknowable fingerprint has an image")
		}
		var ids []uint64
		for _, r := range v.Runs(3) {
			ids = append(ids, r.ID)
		}
		if diff := cmp.Diff([]uint64{4, 3, 2}, ids); diff != "" {
			t.Errorf("runs (-want +got):\n%s", diff)
		}
		if r, ok := v.Run(2); !ok || r.Services[0].Name != "api" {
			t.Errorf("run 2 is %+v", r)
		}
		if _, ok := v.Run(9); ok {
			t.Error("there is a run 9")
		}
	})
	var none Ledger
	view(t, &none, func(v View) {
		if v.Runs(1) != nil {
			t.Error("the zero ledger has runs")
		}
	})
	record(t, &none, runOf("web"))
}

func TestTheRecordIsBounded(t *testing.T) {
	l := Open(t.TempDir(), quiet(t))
	for i := range maxRuns + 3 {
		record(t, l, runOf(fmt.Sprint(i%7)))
	}
	view(t, l, func(v View) {
		all := v.Runs(2 * maxRuns)
		if len(all) != maxRuns || all[0].ID != maxRuns+3 || all[len(all)-1].ID != 4 {
			t.Errorf("%d runs, from %d to %d", len(all), all[len(all)-1].ID, all[0].ID)
		}
	})
}

// TestWritersAtOnceAndKilledOnes: what was recorded stays, whoever is killed.
func TestWritersAtOnceAndKilledOnes(t *testing.T) {
	dir := t.TempDir()
	var all []*exec.Cmd
	for i := range 6 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "LEDGER_WRITER="+dir, fmt.Sprintf("LEDGER_NAME=%d", i))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	for i, cmd := range all {
		if i%2 == 1 {
			time.Sleep(time.Duration(rand.Intn(40)) * time.Millisecond)
			_ = cmd.Process.Kill()
		}
		if err := cmd.Wait(); err != nil && i%2 == 0 {
			t.Errorf("writer %d: %v", i, err)
		}
	}
	view(t, Open(dir, quiet(t)), func(v View) {
		for i := range len(all) {
			for n := range 40 {
				name := fmt.Sprintf("%d-%d", i, n)
				if _, ok := v.Image("key-" + name); !ok && i%2 == 0 {
					t.Errorf("%s was recorded and is gone", name)
				}
			}
		}
	})
}

// TestADamagedLedgerIsMovedAside: any damage ends in an answer, and the ledger
// works again.
func TestADamagedLedgerIsMovedAside(t *testing.T) {
	whole := t.TempDir()
	l := Open(whole, quiet(t))
	for i := range 50 {
		record(t, l, runOf(fmt.Sprint(i)))
	}
	data, err := os.ReadFile(filepath.Join(whole, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewSource(1))
	asides := 0
	for i := range 60 {
		bad := append([]byte(nil), data...)
		switch i % 3 {
		case 0:
			bad = bad[:random.Intn(len(bad))]
		case 1:
			at := random.Intn(len(bad) - 5000)
			random.Read(bad[at : at+5000])
		default:
			random.Read(bad[:8192])
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "ledger.db"), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		said := 0
		l := Open(dir, func(string, ...any) { said++ })
		use := func() error {
			err := l.View(func(v View) error {
				v.Runs(100)
				for i := range 50 {
					v.Image("key-" + fmt.Sprint(i))
				}
				return nil
			})
			if err != nil {
				return err
			}
			_, err = l.Record(runOf("new"))
			return err
		}
		if err := use(); err != nil {
			t.Fatalf("damage %d: %v", i, err)
		}
		view(t, l, func(v View) {
			if _, ok := v.Image("key-new"); !ok {
				t.Errorf("damage %d: what was recorded afterwards is not there", i)
			}
		})
		kept, _ := filepath.Glob(filepath.Join(dir, "ledger.db.damaged-*"))
		if len(kept) != said {
			t.Errorf("damage %d: it says so %d times, %d files are kept", i, said, len(kept))
		}
		asides += len(kept)
	}
	if asides == 0 {
		t.Error("no damage was found")
	}
}

func TestALedgerThatCannotBeOpenedSaysWhy(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "ledger.db"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, quiet(t)).Record(runOf("web")); err == nil {
		t.Error("a directory is taken for the ledger")
	}
}

// TestWhatIsUsual follows one service through builds.
func TestWhatIsUsual(t *testing.T) {
	l := Open(t.TempDir(), quiet(t))
	for _, c := range []struct {
		name  string
		build Service
		want  Usual
	}{
		{"everything ran", Service{Duration: 64 * time.Second, PeakMemory: 800}, Usual{64 * time.Second, 800}},
		{"one step ran", Service{Duration: time.Second, PeakMemory: 10, Cached: 2}, Usual{56 * time.Second, 700}},
		{"nothing ran", Service{Duration: time.Second, Cached: 3}, Usual{56 * time.Second, 700}},
		{"nothing changed", Service{Skipped: true, Duration: time.Millisecond, Cached: 3}, Usual{56 * time.Second, 700}},
		{"it grew", Service{Duration: time.Minute, PeakMemory: 900}, Usual{time.Minute, 900}},
	} {
		c.build.Name, c.build.Print, c.build.Result.Steps = "web", json.RawMessage(`{}`), 3
		record(t, l, Run{Fleet: "/fleet", Services: []Service{c.build}})
		view(t, l, func(v View) {
			if _, got := v.LastKey("/fleet", "web"); got != c.want {
				t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
			}
		})
	}
}
