package history

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/slipway-build/slipway/internal/pipeline"
)

// edit changes the values of a bucket of the ledger, as another version or a
// defect would have written them.
func (y *yard) edit(bucket string, change func(value []byte) []byte) {
	y.t.Helper()
	db, err := bbolt.Open(filepath.Join(y.state, "ledger.db"), 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		y.t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		values := map[string][]byte{}
		if err := b.ForEach(func(k, v []byte) error { values[string(k)] = bytes.Clone(v); return nil }); err != nil {
			return err
		}
		for k, v := range values {
			if err := b.Put([]byte(k), change(v)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		y.t.Fatal(err)
	}
}

func to(text string) func([]byte) []byte { return func([]byte) []byte { return []byte(text) } }

// Single entries that make no sense cost a build, never a wrong answer, and the
// others stay. The next build writes them anew.
func TestDamagedEntries(t *testing.T) {
	for name, c := range map[string]struct {
		bucket, value string
		want          []string // reasons; none: the image is recalled
	}{
		"image: no JSON":              {"images", `{"run":1,"value":`, []string{"the record of its last build cannot be read"}},
		"image: another type":         {"images", `{"run":1,"value":[]}`, []string{"the record of its last build cannot be read"}},
		"image: no digest":            {"images", `{"run":1,"value":{}}`, []string{"its image is no longer in the store"}},
		"image: a digest of nonsense": {"images", `{"run":1,"value":{"digest":"../../etc/passwd"}}`, []string{"its image is no longer in the store"}},
		"image: another size":         {"images", `{"run":1,"value":{"digest":"sha256:` + strings.Repeat("0", 64) + `","size_bytes":-1}}`, []string{"its image is no longer in the store"}},
		"last build: no JSON":         {"services", "\x00", nil},
		"last build: empty":           {"services", "", nil},
		"parts: no JSON":              {"prints", "null", nil},
		"run: no JSON":                {"runs", "{", nil},
	} {
		t.Run(name, func(t *testing.T) {
			y := newYard(t)
			job := y.job("web")
			y.build(job, nil)
			y.edit(c.bucket, to(c.value))
			got := y.recall(job)
			if (got.Result.Digest != "") != (c.want == nil) {
				t.Errorf("image %q, reasons %q", got.Result.Digest, got.Reasons)
			}
			if c.want != nil {
				expect(t, got, "", c.want...)
			}
			y.build(job, nil)
			if got := y.recall(job); got.Result.Digest == "" {
				t.Errorf("after the next build: %q", got.Reasons)
			}
		})
	}
}

// The parts of the last fingerprint are for words only: without them there is
// still a reason.
func TestAChangeWithoutTheLastParts(t *testing.T) {
	for name, value := range map[string]string{
		"no JSON":   `{"run":1,"value":{"facts":`,
		"no parts":  `{"run":1}`,
		"a number":  `{"run":1,"value":7}`,
		"old names": `{"run":1,"value":{"Inputs":{"a":"b"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			y := newYard(t)
			job := y.job("web")
			y.build(job, nil)
			y.edit("prints", to(value))
			y.write("web/a", "2")
			if got := y.recall(job); got.Result.Digest != "" || len(got.Reasons) == 0 || got.Reasons[0] == "" {
				t.Errorf("image %q, reasons %q", got.Result.Digest, got.Reasons)
			}
		})
	}
}

// Records of other versions: members that are missing are unknown, those that are
// new are left alone.
func TestRecordsOfOtherVersions(t *testing.T) {
	y := newYard(t)
	job := y.job("web")
	y.build(job, nil)
	y.edit("services", func(v []byte) []byte { // before builds were measured
		return bytes.Replace(v, []byte(`"usual":`), []byte(`"unused":`), 1)
	})
	y.edit("images", func(v []byte) []byte {
		return bytes.Replace(v, []byte(`"digest"`), []byte(`"signed":true,"digest"`), 1)
	})
	y.edit("runs", func(v []byte) []byte { return bytes.Replace(v, []byte(`"version"`), []byte(`"host":"x","version"`), 1) })
	got := y.recall(job)
	if got.Result.Digest == "" || got.Took != 0 || got.PeakMemory != 0 {
		t.Errorf("recalled %+v", got)
	}
	if all := y.runs(); len(all) != 1 || all[0].Version != "1.0.0" {
		t.Errorf("runs %+v", all)
	}
}

func TestADamagedLedgerIsNamedAndReplaced(t *testing.T) {
	y := newYard(t)
	job := y.job("web")
	y.build(job, nil)
	if err := os.WriteFile(filepath.Join(y.state, "ledger.db"), bytes.Repeat([]byte("no ledger "), 2000), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, y.build(job, nil), "", "not built here before")
	if len(y.notes) != 1 || !strings.Contains(y.notes[0], "ledger.db.damaged-") {
		t.Errorf("notes %q", y.notes)
	}
	if y.recall(job).Result.Digest == "" {
		t.Error("the build after it is not recalled")
	}
}

// A ledger that cannot be opened is no reason to fail, and no reason to skip.
func TestALedgerThatCannotBeRead(t *testing.T) {
	y := newYard(t)
	if err := os.Symlink("ledger.db", filepath.Join(y.state, "ledger.db")); err != nil { // which no open follows
		t.Fatal(err)
	}
	h := y.open()
	job := y.job("web")
	got := h.Recall(t.Context(), []pipeline.Job{job})[0]
	if got.Result.Digest != "" || len(got.Reasons) != 1 || !strings.HasPrefix(got.Reasons[0], "cannot read the record of builds: ") {
		t.Errorf("reasons %q", got.Reasons)
	}
	if got.Print.Key == "" {
		t.Error("the fingerprint is known without the ledger")
	}
}

// Digests of files that are damaged, old or cut are taken anew: they are a cache.
func TestDamagedDigests(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"empty":      to(""),
		"nonsense":   to("nonsense\n"),
		"cut":        func(b []byte) []byte { return b[:len(b)/2] },
		"a bit":      func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 1; return b },
		"an old one": func(b []byte) []byte { return append([]byte("slipway digests 0\n"), b...) },
	} {
		t.Run(name, func(t *testing.T) {
			y := newYard(t)
			job := y.job("web")
			old := time.Now().Add(-time.Hour)
			if err := os.Chtimes(filepath.Join(y.repo, "web", "a"), old, old); err != nil {
				t.Fatal(err)
			}
			y.build(job, nil)
			path := filepath.Join(y.state, "digests")
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(data), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := y.recall(job); got.Result.Digest == "" {
				t.Errorf("with damaged digests the build is not recalled: %q", got.Reasons)
			}
			y.write("web/a", "2")
			expect(t, y.recall(job), "", "a changed")
		})
	}
}

// The record keeps the newest 500 runs; what older ones built is still recalled.
func TestTheRecordIsBounded(t *testing.T) {
	y := newYard(t)
	job := y.job("web")
	y.build(job, nil)
	db, err := bbolt.Open(filepath.Join(y.state, "ledger.db"), 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("runs")).SetSequence(500) }) // as after 499 further runs
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	y.build(y.job("api"), func() { y.write("api/b", "not part of it") })
	if all := y.runs(); len(all) != 1 || all[0].ID != 501 {
		t.Errorf("%d runs, the newest %d", len(all), all[0].ID)
	}
	if y.recall(job).Result.Digest == "" {
		t.Error("the image of a run that made room is not recalled")
	}
}
