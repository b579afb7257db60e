package audit

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate/attest"
	"github.com/slipway-build/slipway/internal/release"
)

// TestMain lets the test start itself as another process that records.
func TestMain(m *testing.M) {
	if dir := os.Getenv("AUDIT_WRITER"); dir != "" {
		l, err := Open(dir)
		for i := 0; err == nil && (i < 30 || os.Getenv("AUDIT_FOREVER") != ""); i++ {
			if err = l.Append(Record{Action: DeployStep, Details: map[string]string{"step": fmt.Sprint(i)}}); err == nil {
				fmt.Println(i)
			}
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func opened(t *testing.T, dir string) *Log {
	t.Helper()
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// filled is a log of n records, checkpoints among them, with a clock of its own.
func filled(t *testing.T, n int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "audit")
	l := opened(t, dir)
	at := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	l.now = func() time.Time { at = at.Add(time.Minute); return at }
	actions := []Action{BuiltRelease, Gates, Approved, DeployStarted, DeployStep, Deployed}
	for {
		files := files(t, dir)
		if len(files.Records()) >= n {
			return dir
		}
		i := len(files.Records())
		if err := l.Append(Record{Action: actions[i%len(actions)], Environment: "staging", Fleet: "shop", Version: fmt.Sprintf("v1.%d", i), Result: OK, Details: map[string]string{"n": fmt.Sprint(i)}}); err != nil {
			t.Fatal(err)
		}
	}
}

func files(t *testing.T, dir string) Files {
	t.Helper()
	f, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func whole(t *testing.T, dir string) Report {
	t.Helper()
	r := files(t, dir).Verify(Trust{})
	for _, p := range r.Problems {
		t.Errorf("a whole log has a problem: %s", p)
	}
	return r
}

func TestWhatIsRecordedIsRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	l := opened(t, dir)
	want := Record{
		Action: Deployed, Environment: "production", Fleet: "shop", Version: "v1.2.3", Result: OK,
		Origin: release.Source{URL: "https://git.example/shop", Commit: strings.Repeat("ab", 20)}, Digests: map[string]string{"web": "sha256:" + strings.Repeat("0f", 32)},
		Details: map[string]string{"strategy": "canary", "unusual": "<&>\u2028\xff"},
	}
	lie := want
	lie.Seq, lie.Prev, lie.At, lie.Actor, lie.Signature = 99, "x", time.Unix(1, 0), Actor{Name: "somebody else"}, &Signature{}
	before := time.Now().Add(-time.Second)
	if err := l.Append(lie); err != nil {
		t.Fatal(err)
	}
	head, err := l.Checkpoint(nil)
	if err != nil {
		t.Fatal(err)
	}
	got := files(t, dir).Records()
	if len(got) != 2 || got[0].At.Before(before) || got[0].At.After(time.Now()) {
		t.Fatalf("records are %+v", got)
	}
	want.Schema, want.Seq, want.Prev, want.At, want.Actor = 1, 1, strings.Repeat("0", 64), got[0].At, Me()
	want.Details["unusual"] = "<&>\u2028\uFFFD"
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("the record (-want +got):\n%s", diff)
	}
	if got[1].Action != CheckpointMade || got[1].Prev != hashOf(encode(got[0])) {
		t.Errorf("the checkpoint is %+v", got[1])
	}
	r := whole(t, dir)
	if r.Records != 2 || r.Checkpoints != 1 || r.SignedThrough != 2 || r.Head != head || len(r.Notes) > 0 || len(r.Keys) != 1 {
		t.Errorf("the report is %+v", r)
	}
	for name, mode := range map[string]os.FileMode{".": 0o700, logFile: 0o600, headFile: 0o600, checkpointsFile: 0o600, keyFile: 0o600, lockFile: 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v, want %v (%v)", name, info.Mode().Perm(), mode, err)
		}
	}
}

func TestTheLogsOwnRecordsAreNotForCallers(t *testing.T) {
	l := opened(t, filepath.Join(t.TempDir(), "audit"))
	for _, action := range []Action{"", CheckpointMade, LogRecovered, LogRenewed} {
		if err := l.Append(Record{Action: action}); err == nil {
			t.Errorf("%q was recorded", action)
		}
	}
	if err := l.Append(Record{Action: Deployed, Details: map[string]string{strings.Repeat("x", 5000): ""}}); err != nil {
		t.Error(err)
	}
	many := map[string]string{}
	for i := range 100 {
		many[fmt.Sprint(i)] = strings.Repeat("many words ", 600)
	}
	if err := l.Append(Record{Action: Deployed, Details: many}); err == nil || !strings.Contains(err.Error(), "bytes, more than") {
		t.Errorf("a record without end: %v", err)
	}
}

func TestCheckpointsComeByThemselves(t *testing.T) {
	dir := filled(t, 45)
	r := whole(t, dir)
	if r.Checkpoints != 2 || r.SignedThrough != 41 {
		t.Errorf("%d checkpoints, through %d", r.Checkpoints, r.SignedThrough)
	}
}

// TestSecretsAreNotRecorded: neither values that the caller names nor what looks like one
// reach the disk.
func TestSecretsAreNotRecorded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	l := opened(t, dir)
	github := "ghp_" + "q8Zt5vLw3nXr7yKd2mBs6cPf9hJg4tRa1eWu"
	l.Hide("correct horse battery", "first line\nsecond line", "k9", "")
	if err := l.Append(Record{
		Action: Deployed, Environment: "correct horse battery", Result: "failed: second line of " + github,
		Origin:  release.Source{URL: "https://me:hunter2secret@git.example/shop"},
		Digests: map[string]string{"token-service": "sha256:" + strings.Repeat("0f", 32)},
		Details: map[string]string{"DB_PASSWORD": "s3cr3t-Pa55-w0rd!", "short": "k9", "sentence": "k9 stays in a sentence", "url": "postgres://shop:hunter2secret@db/shop", github: "x"},
	}); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		data, _ := os.ReadFile(path)
		for _, word := range []string{"horse", "second line", github, "hunter2secret", "Pa55", `"k9"`} {
			if bytes.Contains(data, []byte(word)) {
				t.Errorf("%s has %q: %s", path, word, data)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got := files(t, dir).Records()[0]
	if got.Environment != "[secret]" || got.Digests["token-service"] != "sha256:"+strings.Repeat("0f", 32) || got.Details["sentence"] != "k9 stays in a sentence" || !strings.HasPrefix(got.Result, "failed: [secret] of ") {
		t.Errorf("the record is %+v", got)
	}
	whole(t, dir)
}

func TestTwoProcessesWriteOneLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	var all []*exec.Cmd
	for range 2 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "AUDIT_WRITER="+dir)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	for _, cmd := range all {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	if r := whole(t, dir); r.Records != 60+r.Checkpoints || r.Checkpoints < 2 {
		t.Errorf("%d records, of them %d checkpoints", r.Records, r.Checkpoints)
	}
}

func TestKeysThatAreNotTrusted(t *testing.T) {
	dir := filled(t, 21)
	private, public, err := attest.Generate("")
	if err != nil {
		t.Fatal(err)
	}
	key, err := attest.ParsePrivate("ci.key", private, func() (string, bool) { return "", true })
	if err != nil {
		t.Fatal(err)
	}
	ci, err := attest.ParsePublic("ci.pub", public)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opened(t, dir).Checkpoint(key); err != nil {
		t.Fatal(err)
	}
	if r := whole(t, dir); r.SignedThrough != 22 || len(r.Keys) != 2 {
		t.Errorf("signed through %d by %q", r.SignedThrough, r.Keys)
	}
	r := files(t, dir).Verify(Trust{Keys: []attest.Verifier{ci}})
	if len(r.Problems) != 1 || r.Problems[0].Record != 21 || r.Problems[0].Kind != BadSign || r.SignedThrough != 22 {
		t.Errorf("the machine's key is trusted: %+v", r)
	}
}

// TestALogWrittenAnewIsFoundByAKeptHead: whoever has the key can write a whole other log;
// the head that somebody kept is not in it.
func TestALogWrittenAnewIsFoundByAKeptHead(t *testing.T) {
	dir := filled(t, 30)
	first, kept := point(t, dir, 4), whole(t, dir).Head
	lines := strings.SplitAfter(string(files(t, dir).log), "\n")
	other := filepath.Join(t.TempDir(), "audit")
	if err := os.MkdirAll(other, 0o700); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		t.Fatal(err)
	}
	l := opened(t, other)
	if err := l.put(keyFile, key); err != nil {
		t.Fatal(err)
	}
	last := end{}
	for i, text := range lines[:30] {
		r, err := decode([]byte(strings.TrimSuffix(text, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		if i == 6 {
			r.Result = "another"
		}
		if r.Prev = last.Hash; i == 0 {
			r.Prev = none
		}
		if r.Action == CheckpointMade {
			signer, err := l.machineKey()
			if err != nil {
				t.Fatal(err)
			}
			if err := sign(&r, signer); err != nil {
				t.Fatal(err)
			}
			if err := l.keepPublic(signer.Verifier); err != nil {
				t.Fatal(err)
			}
		}
		if last, err = l.keep(r); err != nil {
			t.Fatal(err)
		}
	}
	whole(t, other) // nothing on the machine tells them apart
	r := files(t, other).Verify(Trust{Kept: []Point{kept, first}})
	want := []Problem{{Record: 5, Last: 30, Kind: Rewritten, Text: "record 30 is another one than the head that was kept: the log was written anew, or the head is of another log"}}
	if diff := cmp.Diff(want, r.Problems); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	r = files(t, dir).Verify(Trust{Kept: []Point{{31, kept.Hash}}})
	if len(r.Problems) != 1 || r.Problems[0].Record != 31 || r.Problems[0].Kind != Missing {
		t.Errorf("a later head: %+v", r.Problems)
	}
}

func point(t *testing.T, dir string, seq int) Point {
	t.Helper()
	line := bytes.SplitAfter(files(t, dir).log, []byte("\n"))[seq-1]
	return Point{uint64(seq), hashOf(bytes.TrimSuffix(line, []byte("\n")))}
}

func TestPointsAreReadAndRefused(t *testing.T) {
	want := Point{61, strings.Repeat("ab", 32)}
	if got, err := ParsePoint(want.String()); err != nil || got != want {
		t.Errorf("%v is read as %v (%v)", want, got, err)
	}
	for _, bad := range []string{"", "61", "0:" + want.Hash, "x:" + want.Hash, "61:" + want.Hash[1:], want.Hash + ":61", "61@" + want.Hash} {
		if _, err := ParsePoint(bad); diag.ExitOf(err) != diag.ExitUsage || diag.HintOf(err) == "" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestClocksThatGoBackAreNoted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	l := opened(t, dir)
	for _, hour := range []int{5, 2} {
		l.now = func() time.Time { return time.Date(2026, 1, 1, hour, 0, 0, 0, time.UTC) }
		if err := l.Append(Record{Action: Deployed}); err != nil {
			t.Fatal(err)
		}
	}
	if r := whole(t, dir); len(r.Notes) != 2 || r.Notes[0] != "the clock went back by 3h0m0s before record 2" {
		t.Errorf("notes are %q", r.Notes)
	}
}

func TestUsersOfANamespaceAreThoseOutside(t *testing.T) {
	const table = "         0       1000          1\n         1     100000      65536\n"
	for inside, want := range map[int]int{0: 1000, 1: 100000, 65536: 165535, 70000: 70000} {
		if got := mapped(table, inside); got != want {
			t.Errorf("%d is %d outside, not %d", inside, got, want)
		}
	}
	if got := mapped("         0          0 4294967295\n", 1000); got != 1000 {
		t.Errorf("user 1000 of the machine is %d", got)
	}
}

func TestADamagedLogIsRenewed(t *testing.T) {
	dir := filled(t, 10)
	l := opened(t, dir)
	if _, err := l.Renew("no reason"); diag.ExitOf(err) != diag.ExitUsage || !strings.Contains(err.Error(), "whole") {
		t.Errorf("a whole log is renewed: %v", err)
	}
	path := filepath.Join(dir, logFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	if err := os.WriteFile(path, bytes.Join(lines[:7], nil), 0o600); err != nil { // three are gone
		t.Fatal(err)
	}
	if _, err := Open(dir); diag.ExitOf(err) != diag.ExitGate || !strings.Contains(diag.HintOf(err), "slipway audit renew") {
		t.Errorf("a log that was cut is opened: %v", err)
	}
	if err := l.Append(Record{Action: Deployed}); diag.ExitOf(err) != diag.ExitGate {
		t.Errorf("a log that was cut is continued: %v", err)
	}
	aside, err := l.Renew("the disk failed")
	if err != nil {
		t.Fatal(err)
	}
	if r := files(t, aside).Verify(Trust{}); len(r.Problems) != 1 || r.Problems[0].Record != 8 || r.Problems[0].Last != 10 {
		t.Errorf("the old log has %+v", r.Problems)
	}
	r := whole(t, dir)
	if r.Records != 1 || len(r.Notes) == 0 || !strings.Contains(r.Notes[0], "the disk failed") {
		t.Errorf("the new log: %+v", r)
	}
	details := files(t, dir).Records()[0].Details
	if details["moved_to"] != filepath.Base(aside) || !strings.HasPrefix(details["problem"], "records 8 to 10: missing") || details["log_sha256"] != hashOf(bytes.Join(lines[:7], nil)) {
		t.Errorf("the first record has %q", details)
	}
	if err := l.Append(Record{Action: Deployed}); err != nil {
		t.Error(err)
	}
	// Without all of its files it does not begin as if nothing had been.
	for _, name := range []string{logFile, headFile, checkpointsFile} {
		_ = os.Remove(filepath.Join(dir, name))
	}
	if _, err := Open(dir); diag.ExitOf(err) != diag.ExitGate {
		t.Errorf("a log that was removed begins again: %v", err)
	}
	if _, err := l.Renew("removed"); err != nil {
		t.Error(err)
	}
	whole(t, dir)
}
